# bpf/decode/http2_streams.h: a stream that is given up is waited for
s/if (h->type == HTTP2_RST_STREAM)/if (0)/
