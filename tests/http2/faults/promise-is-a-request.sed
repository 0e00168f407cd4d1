# bpf/decode/http2_streams.h: a promised request is taken for one of the client's
s/if (h->block_type == HTTP2_HEADERS) {/{/
