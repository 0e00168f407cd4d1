/* SPDX-License-Identifier: Apache-2.0 */
/* keeping.h - a history in a directory of its own, and snapshots for it; after cmocka's headers. */
#ifndef TELLTALE_TESTS_KEEPING_H
#define TELLTALE_TESTS_KEEPING_H

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/snapshot.h"
#include "history/history.h"

#define NS     1000000000ull
#define HOUR   3600ull
#define DAY    (24 * HOUR)
#define START  (SNAPSHOT_START_NS / NS) /* 2023-11-14 22:13:20 */
#define EACH_S 60ull

/* A memory file system, if there is one: some tests write a year of rows, and syncing them would
 * take long. */
static char dir[64] = "/dev/shm/telltale-history.XXXXXX";
static const struct privacy_params privacy = PRIVACY_PARAMS_DEFAULT;

static inline const char *in_dir(const char *name)
{
	static char path[4][128];
	static int which;

	which = (which + 1) % 4;
	snprintf(path[which], sizeof(path[which]), "%s/%s", dir, name);
	return path[which];
}

static inline int start_empty(void **state)
{
	(void)state;
	unlink(in_dir(HISTORY_FILE));
	unlink(in_dir(HISTORY_FILE "-wal"));
	unlink(in_dir(HISTORY_ASIDE));
	return 0;
}

static inline struct history *opened(void)
{
	struct history *h = NULL;

	assert_int_equal(history_open(dir, &privacy, &h), 0);
	return h;
}

static inline void add_packets(struct snapshot *s, const char *kind, const char *stream, int64_t n)
{
	struct released_point *p = snapshot_add(s, METRIC_PACKETS, "kind", kind, n);

	p->labels[p->labels_len++] = (struct released_label){"stream", stream};
}

/* The counters at NOW_S of a daemon that was started at START_S. */
static inline struct snapshot *counters(uint64_t start_s, uint64_t now_s, int64_t transactions)
{
	struct snapshot *s = snapshot_new("node", now_s * NS);

	s->released.start_unix_ns = start_s * NS;
	snapshot_add(s, METRIC_TRANSACTIONS, NULL, NULL, transactions);
	snapshot_add(s, METRIC_PACKET_PREPARE, NULL, NULL, 3 * transactions);
	snapshot_add(s, METRIC_PACKET_FULFILL, NULL, NULL, 2 * transactions);
	snapshot_add(s, METRIC_PACKET_REJECT, NULL, NULL, transactions);
	snapshot_add(s, METRIC_AMOUNT_FULFILL, NULL, NULL, 28000 * transactions);
	snapshot_add(s, METRIC_AMOUNT_BY_ORIGIN, "origin", "originated", 20000 * transactions);
	s->released.value_variance = 1e6 * (double)transactions;
	snapshot_add(s, METRIC_OUTCOMES, "outcome", "fulfilled", 2 * transactions);
	add_packets(s, "prepare", "payment", 3 * transactions);
	add_packets(s, "prepare", "probe", 7 * transactions);
	add_packets(s, "reject", "probe", 6 * transactions);
	snapshot_add(s, METRIC_OUTCOMES, "outcome", "lost", transactions);
	snapshot_add(s, METRIC_GAPS, "cause", "hole", 5 * transactions);
	snapshot_add(s, METRIC_EVICTED, "table", "payments", transactions);
	snapshot_add(s, METRIC_EVICTED, "table", "exchanges", transactions);
	return s;
}

static inline void take(struct history *h, uint64_t start_s, uint64_t now_s, int64_t transactions)
{
	struct snapshot *s = counters(start_s, now_s, transactions);

	history_take(h, &s->released, (int64_t)(now_s - start_s) * 1000);
	released_unref(&s->released);
}

/* Takes a snapshot UP minutes after the counters began, whatever the clock says. */
static inline void take_up(struct history *h, uint64_t start_s, uint64_t now_s, uint64_t up,
			   int64_t transactions)
{
	struct snapshot *s = counters(start_s, now_s, transactions);

	history_take(h, &s->released, (int64_t)up * 60000);
	released_unref(&s->released);
}

static inline struct history_sum sum_of(struct history *h, enum history_view view,
					enum history_window window)
{
	struct history_sum sum;

	assert_int_equal(history_sum(h, view, window, &sum), 0);
	return sum;
}

static inline int64_t transactions(struct history *h, enum history_window window)
{
	return sum_of(h, HISTORY_OWN, window).figures[HISTORY_TRANSACTIONS];
}

static inline struct snapshot *with_network(uint64_t start_s, uint64_t network_start_s,
					    uint64_t now_s, int64_t own, int64_t network)
{
	struct snapshot *s = counters(start_s, now_s, own),
			*n = counters(network_start_s, now_s, network);

	n->released.mechanism = "continual";
	n->released.epsilon = "1.000";
	s->released.network = &n->released;
	return s;
}

static inline void take_both(struct history *h, struct snapshot *s)
{
	history_take(h, &s->released,
		     (int64_t)((s->released.time_unix_ns - s->released.start_unix_ns) / 1000000));
	released_unref(s->released.network);
	released_unref(&s->released);
}

/* Before and after all tests of a group. */
static inline int make_dir(void **state)
{
	(void)state;
	if (mkdtemp(dir))
		return 0;
	strcpy(dir, "/tmp/telltale-history.XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static inline int remove_dir(void **state)
{
	start_empty(state);
	return rmdir(dir);
}

#define TEST(test) cmocka_unit_test_setup(test, start_empty)

#endif
