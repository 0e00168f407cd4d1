/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_http2_streams.c - any bytes as what both ends of a connection say in HTTP/2: first so many
 * as the first two bytes say by the client, behind its preface, then the rest by the server. The
 * same must be read in one piece, byte by byte and in pieces of 23 bytes, by either end; and where
 * it is followed midway, nothing may go wrong.
 */
#include "tests/unit/support/http2_streams.h"

#define INPUT_MAX 16384

static struct streams_bed whole, parts;

/* END speaks as the client or as the server; its bytes in pieces of SIZE. */
static void converse(struct streams_bed *b, bool client, const uint8_t *data, size_t len,
		     size_t asked, size_t size)
{
	enum flow_direction ask = client ? FLOW_OUT : FLOW_IN;

	streams_bed_init(b, client ? RECORD_ROLE_CLIENT : RECORD_ROLE_SERVER, 0);
	streams_bed_feed(b, ask, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", HTTP2_PREFACE_LEN);
	streams_bed_feed_until_lost(b, ask, data, asked, size);
	streams_bed_feed_until_lost(b, !ask, data + asked, len - asked, size);
}

static void must_be_same(const struct streams_bed *a, const struct streams_bed *b)
{
	decode_must(decode_same(&a->d, &b->d));
	decode_must(!memcmp(a->d.gaps_of, b->d.gaps_of, sizeof(a->d.gaps_of)));
	decode_must(a->resets_len == b->resets_len);
	decode_must(!memcmp(a->resets, b->resets, a->resets_len * sizeof(a->resets[0])));
	decode_must(streams_bed_open(a) == streams_bed_open(b));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t sizes[] = {1, 23};
	size_t asked;

	if (size < 2 || size > INPUT_MAX)
		return 0;
	asked = (size_t)data[0] << 8 | data[1];
	data += 2;
	size -= 2;
	if (asked > size)
		asked = size;
	for (int client = 0; client < 2; client++) {
		converse(&whole, client, data, size, asked, INPUT_MAX);
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			converse(&parts, client, data, size, asked, sizes[i]);
			must_be_same(&whole, &parts);
		}
	}
	streams_bed_init_midway(&parts, RECORD_ROLE_CLIENT);
	streams_bed_feed_by(&parts, FLOW_OUT, data, asked, 200);
	streams_bed_feed_by(&parts, FLOW_IN, data + asked, size - asked, 200);
	return 0;
}
