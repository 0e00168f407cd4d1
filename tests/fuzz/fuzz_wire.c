/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_wire.c - any bytes as a message from either half: as they are, and with a head that fits
 * them. The first byte is the type of the second one. So inputs stay messages when a version
 * changes.
 */
#include <stdlib.h>

#include "user/base/escape.c" /* NOLINT(bugprone-suspicious-include) */
#include "user/base/utf8.c"   /* NOLINT(bugprone-suspicious-include) */
#include "user/halves/wire.c" /* NOLINT(bugprone-suspicious-include) */

int LLVMFuzzerInitialize(int *argc, char ***argv);
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

static void hear(const void *packet, size_t len)
{
	struct wire_message m;

	for (enum wire_side from = WIRE_FROM_DAEMON; from <= WIRE_FROM_PROBE; from++) {
		if (!wire_decode(packet, len, from, &m))
			check(&m, from);
	}
}

/* What is missing of a body is zeros. */
static void complete(struct wire_message *m, const uint8_t *data, size_t size)
{
	uint8_t *body = (uint8_t *)m + sizeof(m->head);
	size_t len;

	memset(m, 0, sizeof(*m));
	wire_begin(m, WIRE_HELLO + data[0] % (WIRE_TYPES - WIRE_HELLO));
	len = m->head.len - sizeof(m->head);
	memcpy(body, data + 1, size - 1 < len ? size - 1 : len);
	switch (m->head.type) {
	case WIRE_HELLO: m->hello.record_version = RECORD_VERSION; break;
	case WIRE_WELCOME: m->welcome.record_version = RECORD_VERSION; break;
	case WIRE_CLOSED:
		for (size_t i = 0; i < WIRE_CLOSES; i++)
			m->closed.closes[i].head.version = RECORD_VERSION;
		break;
	default: break;
	}
}

/* A target that refuses every message of a type would find nothing in it. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct wire_message m, out;

	(void)argc;
	(void)argv;
	for (unsigned type = WIRE_HELLO; type < WIRE_TYPES; type++) {
		const uint8_t first = (uint8_t)(type - WIRE_HELLO);

		complete(&m, &first, 1);
		if (type == WIRE_WELCOME)
			m.welcome.ring_bytes = 1 << 12;
		if (type == WIRE_CLOSED) {
			m.closed.len = 1;
			m.closed.closes[0].head.type = RECORD_FLOW_CLOSE;
			m.closed.closes[0].head.len = sizeof(m.closed.closes[0]);
		}
		must(!wire_decode(&m, m.head.len, types[type].from, &out));
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire_message m;

	hear(data, size);
	if (size) {
		complete(&m, data, size);
		hear(&m, m.head.len);
	}
	return 0;
}
