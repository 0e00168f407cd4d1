# bpf/decode/http2_streams.h: a CONTINUATION begins a header block of its own
s/^		return h->block_stream == h->stream ? STREAMS_MORE : STREAMS_WRONG;/		hpack_begin(\&h->hpack);\n	else/
