/* SPDX-License-Identifier: Apache-2.0 */
/*
 * originating.h - exchanges as match opens and closes them, a clock, and what origins made of them:
 * for the tests of origins.
 */
#ifndef TELLTALE_TESTS_ORIGINATING_H
#define TELLTALE_TESTS_ORIGINATING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "bpf/record.h"
#include "exchange/origins.h"

#define MS 1000000ULL
#define S  (1000 * MS)

#define CONDITIONS 3
#define HELD       8
#define TARGET     5

#define IN  RECORD_ROLE_SERVER
#define OUT RECORD_ROLE_CLIENT

#define POOL 1024

static struct bed {
	struct origins *origins;
	struct doubts *doubts;
	uint64_t now_ns;
	size_t made, judged;
	struct exchange pool[POOL];      /* as the tests have them */
	struct exchange judged_of[POOL]; /* as they were judged, by order */
} b;

static inline void judged(void *context, struct exchange *e)
{
	assert_ptr_equal(context, &b);
	assert_true(e->order < POOL);
	assert_int_equal(b.judged_of[e->order].order, 0); /* once */
	b.judged_of[e->order] = *e;
	b.judged++;
}

static inline int setup(void **state)
{
	(void)state;
	memset(&b, 0, sizeof(b));
	b.now_ns = 1000 * S;
	b.doubts = doubts_new(64);
	b.origins = origins_new(&(struct origins_config){.conditions = CONDITIONS,
							 .held = HELD,
							 .doubts = b.doubts,
							 .judged = judged,
							 .context = &b});
	return b.origins && b.doubts ? 0 : -1;
}

static inline int teardown(void **state)
{
	(void)state;
	origins_free(b.origins);
	doubts_free(b.doubts);
	return 0;
}

/* Time goes on with everything that happens. */
static inline uint64_t tick(void)
{
	return b.now_ns += 1 * MS;
}

static inline struct exchange *make(enum record_role role, uint64_t condition)
{
	struct exchange *e = &b.pool[b.made++];

	assert_true(b.made <= POOL);
	*e = (struct exchange){.target = TARGET,
			       .role = role,
			       .tap = RECORD_TAP_SOCKET,
			       .condition = condition,
			       .destination = 0xde57,
			       .expires_at = 20260101000030000ULL,
			       .amount = 100,
			       .prepare_ns = tick()};
	return e;
}

static inline struct exchange *open(struct exchange *e)
{
	origins_opened(b.origins, e);
	return e;
}

static inline struct exchange *out(uint64_t condition)
{
	return open(make(OUT, condition));
}

static inline struct exchange *in(uint64_t condition)
{
	return open(make(IN, condition));
}

static inline struct exchange *at(enum record_role role, uint64_t endpoint)
{
	struct exchange *e = make(role, 1);

	e->endpoint = endpoint;
	return open(e);
}

static inline void end(struct exchange *e, enum outcome outcome)
{
	e->outcome = outcome;
	e->reply_done_ns = tick();
	e->reply_ns = exchange_answered(e) || outcome == OUTCOME_HTTP_ERROR ? e->reply_done_ns : 0;
	origins_closed(b.origins, e);
}

static inline void fulfil(struct exchange *e)
{
	end(e, OUTCOME_FULFILLED);
}

/* Whatever is due is judged. */
static inline void settle(void)
{
	origins_settle(b.origins, b.now_ns += ORIGINS_GRACE_NS);
}

static inline bool is_judged(const struct exchange *e)
{
	return b.judged_of[e->order].order != 0;
}

static inline enum origin origin_of(const struct exchange *e)
{
	if (!is_judged(e))
		settle();
	assert_true(is_judged(e));
	return b.judged_of[e->order].origin;
}

static inline enum doubt_cause doubt_of(const struct exchange *e)
{
	assert_int_equal(origin_of(e), ORIGIN_UNKNOWN);
	return b.judged_of[e->order].doubt;
}

#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

#endif
