# bpf/decode/http2_again.h: a block is remembered although another one came between
/void streams_note(/,/^}/s/streams_unlearn(h);/;/
