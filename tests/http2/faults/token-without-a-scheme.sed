# bpf/decode/hpack.h: BEARER is not known in capital letters
s/hpack_word(h, 0) | BYTES_CASE, 7)/hpack_word(h, 0) | 0x20, 7)/
