/* SPDX-License-Identifier: Apache-2.0 */
/*
 * matching.h - a match table of four places and the exchanges that closed in it, for the tests of
 * match.
 */
#ifndef TELLTALE_TESTS_MATCHING_H
#define TELLTALE_TESTS_MATCHING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "exchange/match.h"
#include "tests/unit/support/records.h"

#define CLIENT RECORD_ROLE_CLIENT
#define SERVER RECORD_ROLE_SERVER

#define CAPACITY 4
#define SEEN_MAX 4096

/* Every exchange as it was when it closed, in order. */
static struct seen {
	struct match *match;
	size_t opened, closed;
	struct exchange *open_address[SEEN_MAX];
	struct exchange exchanges[SEEN_MAX];
} seen;

static inline void opened(void *context, struct exchange *e)
{
	assert_ptr_equal(context, &seen);
	assert_int_equal(e->outcome, OUTCOME_OPEN);
	assert_true(seen.opened < SEEN_MAX);
	seen.open_address[seen.opened++] = e;
}

static inline void closed(void *context, struct exchange *e)
{
	size_t i = 0;

	assert_ptr_equal(context, &seen);
	assert_int_not_equal(e->outcome, OUTCOME_OPEN);
	while (i < seen.opened && seen.open_address[i] != e)
		i++;
	assert_true(i < seen.opened);
	assert_true(seen.closed < SEEN_MAX);
	seen.exchanges[seen.closed++] = *e;
}

static const struct match_ops ops = {.opened = opened, .closed = closed};

static inline int setup(void **state)
{
	(void)state;
	memset(&seen, 0, sizeof(seen));
	seen.match = match_new(CAPACITY, REALTIME_OFFSET, NULL, &ops, &seen);
	return seen.match ? 0 : -1;
}

static inline int teardown(void **state)
{
	(void)state;
	match_free(seen.match);
	return 0;
}

static inline void give(struct record_message message)
{
	match_message(seen.match, &message);
}

static inline void give_close(struct record_flow_close close)
{
	match_flow_close(seen.match, &close);
	match_settle(seen.match, 0);
}

static inline struct match_stats stats(void)
{
	return match_stats(seen.match);
}

/* The one exchange that has closed. */
static inline const struct exchange *only_exchange(void)
{
	assert_int_equal(seen.closed, 1);
	return &seen.exchanges[0];
}

static inline struct record_message async_prepare(__u64 flow, __u8 role, __u64 at_ns, __u64 id)
{
	struct record_message m = prepare(flow, 1, role, at_ns);

	m.request_id = id;
	return m;
}

/* A reply as a request of its own. */
static inline struct record_message async_fulfill(__u64 flow, __u8 role, __u64 at_ns, __u64 id)
{
	struct record_message m = fulfill(flow, 1, role, at_ns);

	m.flags = RECORD_REQUEST;
	m.http_status = 0;
	m.request_id = id;
	return m;
}

#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

#endif
