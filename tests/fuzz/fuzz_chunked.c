/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_chunked.c - bodies in chunks. When the first byte is even, the rest is the answer's body as
 * sent; it must be read the same in one piece and byte by byte. When it is odd, the rest is a body,
 * which must be read the same in chunks (of sizes taken from its own bytes) as with a
 * Content-Length.
 */
#include "tests/unit/support/decode.h"

#define INPUT_MAX 16384

#define ASK                                                                                        \
	"POST / HTTP/1.1\r\nHost: h\r\nContent-Type: application/octet-stream\r\n"                 \
	"Content-Length: 36\r\n\r\n\x0d\x22preimage that is 32 bytes long..\x01\xff"

static void begin(struct decode *d, uint8_t filler)
{
	decode_init(d, filler);
	decode_feed(d, FLOW_OUT, ASK, sizeof(ASK) - 1);
	decode_must(d->len == 1 && d->messages[0].kind == RECORD_KIND_FULFILL);
}

static void on_the_wire(const uint8_t *data, size_t size)
{
	static const char head[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
	static struct decode whole, parts;

	begin(&whole, 0);
	decode_feed(&whole, FLOW_IN, head, sizeof(head) - 1);
	decode_feed(&whole, FLOW_IN, data, size);
	begin(&parts, 0xff);
	decode_feed(&parts, FLOW_IN, head, sizeof(head) - 1);
	for (size_t i = 0; i < size && !parts.gaps[RECORD_GAP_HTTP]; i++)
		decode_feed(&parts, FLOW_IN, data + i, 1);
	decode_must(decode_same(&whole, &parts));
	decode_must(whole.gaps[RECORD_GAP_HTTP] == parts.gaps[RECORD_GAP_HTTP]);
}

static size_t in_chunks(const uint8_t *body, size_t size, char *out)
{
	static const char *const extensions[] = {"", ";a", "; name=\"v\"", " "};
	size_t len = 0;

	for (size_t at = 0, n; at < size; at += n) {
		n = body[at] % 64 + 1;
		n = body[at] & 64 ? n * 30 : n;
		n = n < size - at ? n : size - at;
		len += (size_t)sprintf(out + len, body[at] & 1 ? "%zx%s\r\n" : "0%zX%s\r\n", n,
				       extensions[body[at] >> 1 & 3]);
		memcpy(out + len, body + at, n);
		len += n;
		len += (size_t)sprintf(out + len, "\r\n");
	}
	return len + (size_t)sprintf(out + len, "0\r\n%s\r\n", size % 2 ? "Trailer: x\r\n" : "");
}

static void as_with_content_length(const uint8_t *body, size_t size)
{
	static char wire[INPUT_MAX * 24 + 200];
	static struct decode sized, chunked;
	size_t len;

	begin(&sized, 0);
	len = (size_t)sprintf(wire, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", size);
	memcpy(wire + len, body, size);
	decode_feed(&sized, FLOW_IN, wire, len + size);
	begin(&chunked, 0xff);
	len = (size_t)sprintf(wire, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
	decode_feed(&chunked, FLOW_IN, wire, len + in_chunks(body, size, wire + len));
	decode_must(sized.len == 2 && decode_same(&sized, &chunked));
	decode_must(sized.messages[1].body_len == size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1 || size > INPUT_MAX)
		return 0;
	if (data[0] & 1)
		as_with_content_length(data + 1, size - 1);
	else
		on_the_wire(data + 1, size - 1);
	return 0;
}
