/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_wire.c - any bytes as a message from either half. */
#include <stdlib.h>

#include "user/base/escape.c" /* NOLINT(bugprone-suspicious-include) */
#include "user/base/utf8.c"   /* NOLINT(bugprone-suspicious-include) */
#include "user/halves/wire.c" /* NOLINT(bugprone-suspicious-include) */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void is_text(const char *text, size_t len)
{
	const char *end = memchr(text, '\0', len);

	must(end);
	for (; text < end; text++)
		must((unsigned char)*text >= ' ' && *text != 0x7f);
}

/* What is taken is what the receivers rely on, and makes the same message again. */
static void check(struct wire_message *m, enum wire_side from)
{
	struct wire_message again;

	must((from == WIRE_FROM_DAEMON) == (m->head.type <= WIRE_ASK));
	switch (m->head.type) {
	case WIRE_ASK: must(m->ask.target < CONFIG_TARGETS_MAX); break;
	case WIRE_TARGET:
		must(m->target.index < CONFIG_TARGETS_MAX && m->target.state <= TARGET_GONE);
		is_text(m->target.name, sizeof(m->target.name));
		is_text(m->target.reason, sizeof(m->target.reason));
		break;
	case WIRE_CLOSED: must(m->closed.len && m->closed.len <= WIRE_CLOSES); break;
	case WIRE_ANSWER:
		is_text(m->answer.program, sizeof(m->answer.program));
		must(m->answer.verdict <= SOCKETS_UNKNOWN);
		break;
	default: break;
	}
	must(!wire_decode(m, m->head.len, from, &again) && !memcmp(m, &again, m->head.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire_message m;

	for (enum wire_side from = WIRE_FROM_DAEMON; from <= WIRE_FROM_PROBE; from++) {
		if (!wire_decode(data, size, from, &m))
			check(&m, from);
	}
	return 0;
}
