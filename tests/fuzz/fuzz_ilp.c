/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_ilp.c - any bytes as a body: a result from its first bytes must stay true when more arrive,
 * and neither bytes beyond them nor an older packet may influence it.
 */
#include "tests/unit/support/decode.h"

static struct ilp parse_with(const uint8_t *data, size_t have, bool complete, uint8_t filler)
{
	uint8_t *buf = decode_edge(ILP_HEAD_MAX + ILP_SLACK);
	struct ilp out;

	memset(buf, filler, ILP_HEAD_MAX + ILP_SLACK);
	memset(&out, filler, sizeof(out));
	if (have)
		memcpy(buf, data, have);
	out.verdict = (__u8)ilp_parse(buf, (__u32)have, complete, session_key(), &out);
	return out;
}

static bool same(const struct ilp *a, const struct ilp *b)
{
	if (a->verdict != b->verdict || a->verdict != ILP_DONE)
		return a->verdict == b->verdict;
	if (a->kind != b->kind || a->size != b->size || a->data_len != b->data_len)
		return false;
	if (a->kind == RECORD_KIND_REJECT)
		return !memcmp(a->reject_code, b->reject_code, 3);
	return a->kind != RECORD_KIND_PREPARE ||
	       (a->amount == b->amount && a->expires_at == b->expires_at &&
		a->destination == b->destination && a->condition == b->condition &&
		a->peer == b->peer);
}

static struct ilp parse(const uint8_t *data, size_t have, bool complete)
{
	struct ilp zeros = parse_with(data, have, complete, 0);
	struct ilp ones = parse_with(data, have, complete, 0xff);

	decode_must(same(&zeros, &ones));
	return zeros;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ilp whole;

	if (size > ILP_HEAD_MAX)
		size = ILP_HEAD_MAX;
	whole = parse(data, size, true);
	decode_must(whole.verdict == ILP_DONE || whole.verdict == ILP_BAD);
	if (whole.verdict == ILP_DONE) {
		decode_must(whole.kind >= RECORD_KIND_PREPARE && whole.kind <= RECORD_KIND_REJECT);
		decode_must(whole.data_len < whole.size);
	}
	for (size_t have = 0; have < size; have++) {
		struct ilp part = parse(data, have, false);

		decode_must(part.verdict == ILP_MORE || same(&part, &whole));
	}
	return 0;
}
