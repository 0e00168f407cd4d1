/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/tlsmatch.h"

#include <stddef.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/table.h"

#define USES_MAX    4096
#define SOCKETS_MAX 8192

/* From an object's first use to the first bytes of its connection. */
#define CLOSE_NS (100 * NS_PER_MS)
/* The same where anything may have come between, but the process is known, or all of them do. */
#define FAR_NS     (600 * NS_PER_S)
#define FAR_ANY_NS (10 * NS_PER_S)
#define WAIT_NS    (2 * NS_PER_S)

/* An SSL object that no connection was found for yet. */
struct use {
	struct table_node node;
	struct table_hook by_pid;
	struct table_place place;
	bool old; /* in which list */
	unsigned target;
	pid_t pid;
	uint64_t at_ns;
};

struct socket {
	struct table_node node;
	struct table_hook by_id;
	struct table_place place;
	enum tlsmatch_verdict verdict;
	uint64_t due_ns; /* while it waits */
	struct record_opaque record;
};

struct tlsmatch {
	struct table uses, sockets;
	struct table_index by_pid, by_id;
	/* In the order of time; those that only their own process may still ask for are old. */
	struct table_shares recent, old;
	struct table_shares waiting, decided;
	void (*decide)(void *context, const struct record_opaque *record);
	void *context;
};

struct tlsmatch *tlsmatch_new(void (*decide)(void *context, const struct record_opaque *record),
			      void *context)
{
	struct tlsmatch *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	if (table_init(&m->uses, USES_MAX, sizeof(struct use)) ||
	    table_init(&m->sockets, SOCKETS_MAX, sizeof(struct socket)) ||
	    table_index_init(&m->by_pid, &m->uses, offsetof(struct use, by_pid)) ||
	    table_index_init(&m->by_id, &m->sockets, offsetof(struct socket, by_id))) {
		tlsmatch_free(m);
		return NULL;
	}
	table_shares_init(&m->recent, &m->uses, offsetof(struct use, place));
	table_shares_init(&m->old, &m->uses, offsetof(struct use, place));
	table_shares_init(&m->waiting, &m->sockets, offsetof(struct socket, place));
	table_shares_init(&m->decided, &m->sockets, offsetof(struct socket, place));
	m->decide = decide;
	m->context = context;
	return m;
}

void tlsmatch_free(struct tlsmatch *m)
{
	if (!m)
		return;
	table_index_fini(&m->by_pid);
	table_index_fini(&m->by_id);
	table_fini(&m->uses);
	table_fini(&m->sockets);
	free(m);
}

/* --- uses -------------------------------------------------------------------------------------
 */

static uint64_t hash_of(unsigned target, pid_t pid)
{
	return table_hash(target, (uint64_t)pid);
}

static void use_up(struct tlsmatch *m, struct use *u)
{
	table_list_remove(table_shares_of(u->old ? &m->old : &m->recent, u->target), u);
	table_index_remove(&m->by_pid, u);
	table_release(&m->uses, u);
}

/* The oldest of the target with most of them goes. */
static void make_room(struct tlsmatch *m, unsigned target)
{
	struct table_list *longest = table_shares_longest(&m->old, target);

	if (!longest->len)
		longest = table_shares_longest(&m->recent, target);
	use_up(m, table_list_first(longest));
}

void tlsmatch_used(struct tlsmatch *m, const struct record_tls *record)
{
	struct use *u;

	if (m->uses.used == m->uses.capacity)
		make_room(m, record->head.target);
	u = table_take(&m->uses);
	if (!u)
		return;
	u->target = record->head.target;
	u->pid = (pid_t)record->flow.pid;
	u->at_ns = record->at_ns;
	table_index_add(&m->by_pid, u, hash_of(u->target, u->pid));
	table_list_append(table_shares_of(&m->recent, u->target), u);
}

static void set_aside_old(struct tlsmatch *m, unsigned target, uint64_t now_ns)
{
	struct table_list *recent = table_shares_of(&m->recent, target);
	struct use *u;

	while ((u = table_list_first(recent)) && u->at_ns + FAR_ANY_NS < now_ns) {
		table_list_remove(recent, u);
		u->old = true;
		table_list_append(table_shares_of(&m->old, u->target), u);
	}
}

/* Uses up the first of the target's from FROM_NS on. */
static bool take_any(struct tlsmatch *m, unsigned target, uint64_t from_ns)
{
	struct table_list *recent = table_shares_of(&m->recent, target);
	struct use *u = table_list_first(recent);

	while (u && (u->target != target || u->at_ns < from_ns))
		u = table_list_next(recent, u);
	if (u)
		use_up(m, u);
	return u != NULL;
}

static bool take_of(struct tlsmatch *m, unsigned target, pid_t pid, uint64_t from_ns)
{
	struct use *u = table_index_first(&m->by_pid, hash_of(target, pid));

	while (u && (u->target != target || u->pid != pid || u->at_ns < from_ns))
		u = table_index_next(&m->by_pid, u);
	if (u)
		use_up(m, u);
	return u != NULL;
}

/* --- sockets ----------------------------------------------------------------------------------
 */

static struct socket *find(const struct tlsmatch *m, uint64_t id)
{
	struct socket *s = table_index_first(&m->by_id, table_hash(id, 0));

	while (s && s->record.flow.id != id)
		s = table_index_next(&m->by_id, s);
	return s;
}

static struct table_list *list_of(struct tlsmatch *m, const struct socket *s)
{
	return table_shares_of(s->verdict == TLSMATCH_WAIT ? &m->waiting : &m->decided,
			       s->record.head.target);
}

static enum tlsmatch_verdict set(struct tlsmatch *m, struct socket *s,
				 enum tlsmatch_verdict verdict)
{
	table_list_remove(list_of(m, s), s);
	s->verdict = verdict;
	table_list_append(list_of(m, s), s);
	return verdict;
}

/* The oldest of the longest list goes; one that waits is decided then. */
static void forget_one(struct tlsmatch *m, unsigned target)
{
	struct table_list *longest = table_shares_longest(&m->decided, target);
	struct table_list *waiting = table_shares_longest(&m->waiting, target);
	bool waits = waiting->len > longest->len;
	struct record_opaque record;
	struct socket *s;

	if (waits)
		longest = waiting;
	s = table_list_first(longest);
	record = s->record;
	table_list_remove(longest, s);
	table_index_remove(&m->by_id, s);
	table_release(&m->sockets, s);
	if (waits)
		m->decide(m->context, &record);
}

static struct socket *add(struct tlsmatch *m, const struct record_opaque *record)
{
	struct socket *s;

	if (m->sockets.used == m->sockets.capacity)
		forget_one(m, record->head.target);
	s = table_take(&m->sockets);
	if (!s)
		return NULL;
	s->record = *record;
	s->verdict = TLSMATCH_WAIT;
	s->due_ns = record->at_ns + WAIT_NS;
	table_index_add(&m->by_id, s, table_hash(record->flow.id, 0));
	table_list_append(list_of(m, s), s);
	return s;
}

/* The host may have begun later than that. */
static uint64_t before(uint64_t at_ns, uint64_t by_ns)
{
	return at_ns > by_ns ? at_ns - by_ns : 0;
}

enum tlsmatch_verdict tlsmatch_ask(struct tlsmatch *m, const struct record_opaque *record)
{
	struct socket *s = find(m, record->flow.id);
	uint64_t close_ns = before(record->at_ns, CLOSE_NS);
	bool late = s && s->verdict == TLSMATCH_LATE;

	if (s && s->verdict != TLSMATCH_WAIT && !late)
		return s->verdict == TLSMATCH_READ ? TLSMATCH_READ : TLSMATCH_AGAIN;
	if (!s)
		s = add(m, record);
	if (!s)
		return TLSMATCH_UNREAD;
	if (!(record->said & RECORD_OPAQUE_OURS))
		return TLSMATCH_WAIT;
	s->record.said |= RECORD_OPAQUE_OURS;
	set_aside_old(m, record->head.target, record->at_ns);
	if (take_any(m, record->head.target, close_ns))
		return set(m, s, TLSMATCH_READ);
	set(m, s, TLSMATCH_UNREAD);
	return late ? TLSMATCH_LATE : TLSMATCH_UNREAD;
}

bool tlsmatch_owned(struct tlsmatch *m, const struct record_opaque *record, pid_t pid)
{
	struct socket *s = find(m, record->flow.id);
	unsigned target = record->head.target;
	bool read = pid ? take_of(m, target, pid, before(record->at_ns, FAR_NS))
			: take_any(m, target, before(record->at_ns, FAR_ANY_NS));

	if (read && s)
		set(m, s, TLSMATCH_READ);
	return read;
}

void tlsmatch_tick(struct tlsmatch *m, uint64_t now_ns)
{
	for (unsigned t = 0; t < m->waiting.len; t++) {
		struct table_list *waiting = table_shares_of(&m->waiting, t);
		struct socket *s;

		while ((s = table_list_first(waiting)) && s->due_ns <= now_ns) {
			struct record_opaque record = s->record;

			set(m, s, TLSMATCH_LATE);
			m->decide(m->context, &record);
		}
	}
}

/* --- leaving ----------------------------------------------------------------------------------
 */

static struct record_tls use_of(unsigned target, uint32_t pid, uint64_t at_ns)
{
	return (struct record_tls){.head = {.len = sizeof(struct record_tls),
					    .version = RECORD_VERSION,
					    .type = RECORD_TLS,
					    .tap = RECORD_TAP_TLS,
					    .target = (uint8_t)target},
				   .flow.pid = pid,
				   .at_ns = at_ns};
}

/* A connection that is read, as the two records that say so. */
static void leave_read(const struct table_list *decided,
		       void (*sink)(void *context, const void *record, size_t size), void *context)
{
	for (const struct socket *s = table_list_first(decided); s;
	     s = table_list_next(decided, s)) {
		struct record_opaque opaque = s->record;
		struct record_tls use = use_of(opaque.head.target, 0, opaque.at_ns);

		if (s->verdict != TLSMATCH_READ)
			continue;
		opaque.said = RECORD_OPAQUE_OURS;
		sink(context, &use, sizeof(use));
		sink(context, &opaque, sizeof(opaque));
	}
}

static void leave_uses(const struct table_list *uses,
		       void (*sink)(void *context, const void *record, size_t size), void *context)
{
	for (const struct use *u = table_list_first(uses); u; u = table_list_next(uses, u)) {
		struct record_tls use = use_of(u->target, (uint32_t)u->pid, u->at_ns);

		sink(context, &use, sizeof(use));
	}
}

void tlsmatch_leave(struct tlsmatch *m,
		    void (*sink)(void *context, const void *record, size_t size), void *context)
{
	for (unsigned t = 0; t < m->decided.len; t++)
		leave_read(table_shares_see(&m->decided, t), sink, context);
	for (unsigned t = 0; t < TABLE_SHARES; t++) {
		const struct table_list *waiting = table_shares_see(&m->waiting, t);

		leave_uses(table_shares_see(&m->old, t), sink, context);
		leave_uses(table_shares_see(&m->recent, t), sink, context);
		for (const struct socket *s = table_list_first(waiting); s;
		     s = table_list_next(waiting, s))
			sink(context, &s->record, sizeof(s->record));
	}
}
