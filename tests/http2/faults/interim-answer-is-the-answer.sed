# bpf/decode/http2_streams.h: 103 is taken for the answer
s/status >= 100 && status < 200/status == 100/
