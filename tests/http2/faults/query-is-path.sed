# bpf/decode/hpack.h: the query of a path is hashed
s/bytes_find(hpack_word(h, i[ *8]*), '?')/0 * i/
