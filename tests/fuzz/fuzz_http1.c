/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_http1.c - any bytes as what two ends of a connection say in turn, separated by lines "%%".
 * The messages must be the same in one piece, byte by byte and in three pieces, whatever the
 * decoders' memory held before. They are compared up to the first loss, because the place where
 * reading begins again depends on the pieces.
 */
#include "tests/unit/support/decode.h"

#define INPUT_MAX 16384

enum cuts { WHOLE, BYTES, THIRDS };

/* The preface of HTTP/2 is no gap, and ends the reading all the same. */
static bool lost(const struct decode *d)
{
	return d->gaps[RECORD_GAP_HTTP] || d->flow.common.plain;
}

static void say(struct decode *d, enum flow_direction dir, const uint8_t *bytes, size_t len,
		enum cuts cuts)
{
	size_t piece = cuts == WHOLE ? len : cuts == BYTES ? 1 : len / 3 + 1;

	for (size_t at = 0; at < len && !lost(d); at += piece)
		decode_feed(d, dir, bytes + at, len - at < piece ? len - at : piece);
}

static void tell(struct decode *d, const uint8_t *data, size_t size, uint8_t filler, enum cuts cuts)
{
	const uint8_t *end = data + size;
	enum flow_direction dir = FLOW_OUT;

	decode_init(d, filler);
	d->flow.sides[FLOW_IN].http1.phase = d->flow.sides[FLOW_OUT].http1.phase = PHASE_START;
	while (data < end && !lost(d)) {
		const uint8_t *mark = memmem(data, (size_t)(end - data), "\n%%\n", 4);
		const uint8_t *stop = mark ? mark : end;

		say(d, dir, data, (size_t)(stop - data), cuts);
		data = mark ? mark + 4 : end;
		dir = !dir;
	}
	if (!lost(d))
		decode_close(d, true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct decode whole, parts;

	if (size > INPUT_MAX)
		return 0;
	tell(&whole, data, size, 0, WHOLE);
	tell(&parts, data, size, 0xff, WHOLE);
	decode_must(decode_same(&whole, &parts));
	tell(&parts, data, size, 0xff, BYTES);
	decode_must(decode_same(&whole, &parts) && lost(&whole) == lost(&parts));
	tell(&parts, data, size, 0x0a, THIRDS);
	decode_must(decode_same(&whole, &parts) && lost(&whole) == lost(&parts));
	return 0;
}
