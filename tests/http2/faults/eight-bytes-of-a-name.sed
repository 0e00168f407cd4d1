# bpf/decode/hpack.h: only the first eight bytes of a name are compared
s/return a == w0 && (len >= 16 .*/return a == w0;/
