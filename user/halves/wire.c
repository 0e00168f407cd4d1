/* SPDX-License-Identifier: Apache-2.0 */
#include "halves/wire.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/escape.h"
#include "bpf/shared.h"
#include "tap/sockets.h"
#include "tap/witness.h"
#include "target/target.h"

/* A message of each type: who may send it, and how long its body is. */
static const struct {
	enum wire_side from;
	size_t len;
} types[WIRE_TYPES] = {
	[WIRE_HELLO] = {WIRE_FROM_DAEMON, sizeof(struct wire_hello)},
	[WIRE_LEAVING] = {WIRE_FROM_DAEMON, 0},
	[WIRE_GONE] = {WIRE_FROM_DAEMON, 0},
	[WIRE_ASK] = {WIRE_FROM_DAEMON, sizeof(struct wire_ask)},
	[WIRE_WELCOME] = {WIRE_FROM_PROBE, sizeof(struct wire_welcome)},
	[WIRE_TARGET] = {WIRE_FROM_PROBE, sizeof(struct wire_target)},
	[WIRE_STATE] = {WIRE_FROM_PROBE, sizeof(struct wire_state)},
	[WIRE_CLOSED] = {WIRE_FROM_PROBE, sizeof(struct wire_closed)},
	[WIRE_ANSWER] = {WIRE_FROM_PROBE, sizeof(struct wire_answer)},
	[WIRE_UNSEEN] = {WIRE_FROM_PROBE, sizeof(struct wire_unseen)},
	[WIRE_WITNESSED] = {WIRE_FROM_PROBE, sizeof(struct wire_witnessed)},
	[WIRE_CLOCKS] = {WIRE_FROM_PROBE, sizeof(struct wire_clocks)},
	[WIRE_BYE] = {WIRE_FROM_PROBE, 0},
};

void wire_begin(struct wire_message *m, enum wire_type type)
{
	m->head.version = WIRE_VERSION;
	m->head.type = (uint16_t)type;
	m->head.len = (uint32_t)(sizeof(m->head) + types[type].len);
}

void wire_put_text(char *to, size_t len, const char *text)
{
	size_t n = strnlen(text, len - 1);

	memcpy(to, text, n);
	memset(to + n, 0, len - n);
}

/* --- what a body may be ----------------------------------------------------------------------- */

/* Text is terminated, and afterwards fit for a log. */
static bool take_text(char *text, size_t len)
{
	char safe[WIRE_TEXT_MAX];

	if (len > sizeof(safe) || !memchr(text, '\0', len))
		return false;
	escape_text(text, safe, len);
	wire_put_text(text, len, safe);
	return true;
}

static bool is_ask(const struct wire_ask *a)
{
	return a->target < CONFIG_TARGETS_MAX && a->role <= RECORD_ROLE_SERVER &&
	       (a->remote.family == 0 || a->remote.family == 4 || a->remote.family == 6);
}

static bool is_power_of_two(uint32_t n)
{
	return n && !(n & (n - 1));
}

static bool is_ring(uint32_t bytes)
{
	return is_power_of_two(bytes) && bytes >= (1u << 12) && bytes <= (1u << 28);
}

static bool is_welcome(const struct wire_welcome *w)
{
	return w->targets <= CONFIG_TARGETS_MAX && w->before < WIRE_BEFORES && w->backlog <= 1 &&
	       w->witness <= 1 && w->missed <= 1 && w->kept <= 1 && w->traces <= 1 &&
	       w->record_version == RECORD_VERSION && is_ring(w->ring_bytes);
}

static bool take_target(struct wire_target *t)
{
	return t->index < CONFIG_TARGETS_MAX && t->state <= TARGET_GONE &&
	       take_text(t->name, sizeof(t->name)) && take_text(t->reason, sizeof(t->reason));
}

static bool is_closed(const struct wire_closed *c)
{
	if (!c->len || c->len > WIRE_CLOSES)
		return false;
	for (uint32_t i = 0; i < c->len; i++) {
		const struct record_head *head = &c->closes[i].head;

		if (head->len != sizeof(c->closes[i]) || head->version != RECORD_VERSION ||
		    head->type != RECORD_FLOW_CLOSE)
			return false;
	}
	return true;
}

static bool take_answer(struct wire_answer *a)
{
	return a->looked <= 1 && a->verdict <= SOCKETS_UNKNOWN && a->role <= RECORD_ROLE_SERVER &&
	       a->pid <= INT32_MAX && take_text(a->program, sizeof(a->program));
}

static bool take_unseen(struct wire_unseen *u)
{
	return u->target < CONFIG_TARGETS_MAX && u->cause < WITNESS_CAUSES && u->open <= 1 &&
	       take_text(u->program, sizeof(u->program));
}

static bool take_clocks(struct wire_clocks *c)
{
	return (!c->ring_bytes || is_ring(c->ring_bytes)) && take_text(c->why, sizeof(c->why));
}

static bool take_body(struct wire_message *m)
{
	switch (m->head.type) {
	case WIRE_HELLO: return m->hello.record_version == RECORD_VERSION && m->hello.resumes <= 1;
	case WIRE_ASK: return is_ask(&m->ask);
	case WIRE_WELCOME: return is_welcome(&m->welcome);
	case WIRE_TARGET: return take_target(&m->target);
	case WIRE_STATE: return m->state.tls_refused <= 1;
	case WIRE_CLOSED: return is_closed(&m->closed);
	case WIRE_ANSWER: return take_answer(&m->answer);
	case WIRE_UNSEEN: return take_unseen(&m->unseen);
	case WIRE_CLOCKS: return take_clocks(&m->clocks);
	default: return true;
	}
}

int wire_decode(const void *packet, size_t len, enum wire_side from, struct wire_message *out)
{
	if (len < sizeof(out->head) || len > sizeof(*out))
		return -EBADMSG;
	memcpy(out, packet, len);
	if (out->head.version != WIRE_VERSION)
		return -EPROTONOSUPPORT;
	if (!out->head.type || out->head.type >= WIRE_TYPES || types[out->head.type].from != from ||
	    out->head.len != len || len != sizeof(out->head) + types[out->head.type].len)
		return -EBADMSG;
	if (out->head.type == WIRE_HELLO && out->hello.record_version != RECORD_VERSION)
		return -EPROTONOSUPPORT;
	return take_body(out) ? 0 : -EBADMSG;
}
