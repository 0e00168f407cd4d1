# bpf/decode/hpack.h: the third byte of a number is read where the second lies
s/h->shift += 7;/h->shift = 7;/
