# bpf/decode/hpack.h: the table is read one field too early
s/h->inserted - 1 - back, HPACK_TABLE/h->inserted - 2 - back, HPACK_TABLE/
