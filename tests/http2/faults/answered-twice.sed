# bpf/decode/http2_again.h: a request that was answered is open still
s/ && conn->answered\[place\] != id;/;/
