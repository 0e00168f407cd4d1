# bpf/decode/http2_streams.h: a HEADERS frame's priority is taken for fields
s/h->front = 5;/h->front = 0;/
