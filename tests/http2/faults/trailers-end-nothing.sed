# bpf/decode/http2_streams.h: END_STREAM on trailers ends no request
s/if (h->block_ends && !st->parts\[STREAMS_REQUEST\].ended)/if (0)/
