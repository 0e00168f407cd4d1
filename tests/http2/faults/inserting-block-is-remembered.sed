# bpf/decode/http2_again.h: a block that has put a field into the table says the same the next time
s/if (h->noted_at != h->hpack.inserted)/if (0)/
