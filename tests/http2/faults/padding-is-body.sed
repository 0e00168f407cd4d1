# bpf/decode/http2_streams.h: padding is taken for body
s/left = h->left - h->padding;/left = h->left;/
