# bpf/decode/http2_streams.h: what an earlier frame had of a packet's head is forgotten
s/h->gathered = m->kept;/h->gathered = 0;/
