# bpf/decode/http2_again.h: a request that is noted has no answer, if that is not like the last one
s/stream == id && conn->answered/stream == id + 1 \&\& conn->answered/
