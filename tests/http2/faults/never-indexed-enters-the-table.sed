# bpf/decode/hpack.h: a field that is never to be indexed enters the table
s/^\(.*\): HPACK_PLAIN;/\1: HPACK_INSERT;/
