/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/profile_session.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/escape.h"
#include "base/log.h"
#include "bpf/record.h"
#include "cmd/onlooker.h"
#include "exchange/match.h"
#include "privacy/entropy.h"
#include "tap/sampler.h"

#define EXCHANGES_OPEN 16384
#define EXCHANGES_MAX  65536
#define EVENTS_MAX     1500000 /* 48 MB of marks */
#define ENDPOINTS_MAX  512
#define SAMPLES_MAX    500000
#define SESSION_RING   (8u << 20)        /* bytes */
#define DRAIN_MS       20                /* between two looks into the rings */
#define TICK_NS        (500 * NS_PER_MS) /* ... at the list of processes */
#define LATE_NS        (50 * NS_PER_MS)  /* an event is written this long after its time at most */

struct endpoint {
	uint64_t id;
	char text[RECORD_HOST_MAX + RECORD_PATH_MAX + 1];
};

struct session {
	const struct config *config;
	struct onlooker onlooker;
	struct timing *timing; /* NULL: the kernel refuses it */
	char no_clock[320];
	struct sampler *sampler; /* NULL: not asked for, or the kernel refuses it */
	struct stacks *stacks;
	unsigned hz;
	char no_stacks[320];
	const char *shortened;
	bool crowded; /* there are more processes than are watched; logged */
	struct match *match;
	const struct record_message *message; /* while match looks at it */
	struct hops *hops;
	struct tape *tape;
	uint64_t drained_ns; /* the last time */
	uint64_t ns, end_ns;
	struct endpoint endpoints[ENDPOINTS_MAX];
	size_t endpoints_len;
};

/* --- what is seen ------------------------------------------------------------------------------
 */

static void opened(void *context, struct exchange *e)
{
	struct session *s = context;

	hops_opened(s->hops, e, s->message);
}

static void closed(void *context, struct exchange *e)
{
	struct session *s = context;

	hops_closed(s->hops, e);
}

static void take_message(struct session *s, const struct record_message *m)
{
	uint64_t unmatched = match_stats(s->match).unmatched;

	s->message = m;
	match_message(s->match, m);
	if (match_stats(s->match).unmatched != unmatched)
		hops_unmatched(s->hops, m);
}

static void take_endpoint(struct session *s, const struct record_endpoint *r)
{
	char raw[RECORD_HOST_MAX + RECORD_PATH_MAX + 1];
	struct endpoint *e;

	if (s->endpoints_len == ENDPOINTS_MAX || session_endpoint(s, r->endpoint) ||
	    r->host_len > RECORD_HOST_MAX || r->path_len > RECORD_PATH_MAX)
		return;
	snprintf(raw, sizeof(raw), "%.*s%.*s", (int)r->host_len, r->host, (int)r->path_len,
		 r->path);
	e = &s->endpoints[s->endpoints_len++];
	e->id = r->endpoint;
	escape_text(raw, e->text, sizeof(e->text));
}

const char *session_endpoint(void *context, uint64_t endpoint)
{
	const struct session *s = context;

	for (size_t i = 0; i < s->endpoints_len; i++) {
		if (s->endpoints[i].id == endpoint)
			return s->endpoints[i].text;
	}
	return NULL;
}

static void take_record(void *context, const void *record, size_t size)
{
	const struct record_head *head = record;
	struct session *s = context;

	(void)size;
	switch (head->type) {
	case RECORD_MESSAGE: take_message(s, record); break;
	case RECORD_ENDPOINT: take_endpoint(s, record); break;
	case RECORD_FLOW_CLOSE: match_flow_close(s->match, record); break;
	case RECORD_GAP: match_gap(s->match, record); break;
	case RECORD_OPAQUE: match_opaque(s->match, record); break;
	default: break;
	}
}

/* Connections that ended with their program. */
static void close_ended(struct session *s)
{
	struct record_flow_close ended[16];
	size_t n;

	while ((n = probe_ended(s->onlooker.probe, ended, sizeof(ended) / sizeof(ended[0]))) > 0) {
		for (size_t i = 0; i < n; i++)
			match_flow_close(s->match, &ended[i]);
	}
}

static void take_event(void *context, const struct tape_event *event)
{
	struct session *s = context;

	tape_add(s->tape, event);
}

static void watch(void *context, pid_t pid)
{
	struct session *s = context;

	if (!pid)
		return;
	if (s->sampler)
		sampler_watch(s->sampler, pid);
	if (!s->timing)
		return;
	if (!tape_watch(s->tape, pid)) {
		timing_watch(s->timing, pid);
	} else if (!s->crowded) {
		s->crowded = true;
		log_warn("profile", "only the first %d processes of the targets have clocks",
			 TAPE_PROCESSES_MAX);
	}
}

static void watch_processes(struct session *s)
{
	for (size_t i = 0; i < s->onlooker.targets_len; i++)
		target_each_process(&s->onlooker.targets[i], watch, s);
}

static void drain(struct session *s)
{
	uint64_t now_ns = clock_mono_ns();

	if (s->timing) {
		timing_consume(s->timing, take_event, s);
		if (timing_dropped(s->timing))
			tape_lose(s->tape, s->drained_ns);
		tape_settle(s->tape, now_ns - LATE_NS);
	}
	if (s->sampler)
		sampler_consume(s->sampler, s->stacks);
	onlooker_read(&s->onlooker, take_record, s);
	close_ended(s);
	match_settle(s->match, ring_counters_sum(s->onlooker.dropped));
	match_tick(s->match, now_ns);
	processes_catch_up(s->onlooker.processes);
	s->drained_ns = now_ns;
}

/* --- from beginning to end ---------------------------------------------------------------------
 */

/* The clocks see what goes on in each cgroup, too. */
static int attach_timing(struct session *s)
{
	struct timing_cgroup *attached;
	int err = 0;

	for (size_t i = 0; s->timing && i < s->onlooker.targets_len && !err; i++) {
		const struct target *t = &s->onlooker.targets[i];

		for (size_t k = 0; k < t->cgroups_len && !err; k++) {
			err = timing_attach_cgroup(s->timing, &t->cgroups[k]->cgroup, &attached);
			if (err)
				log_err("profile", "cannot attach to %s: %s",
					t->cgroups[k]->cgroup.path, strerror(-err));
		}
	}
	return err;
}

static int attach(struct session *s)
{
	static const struct match_ops ops = {.opened = opened, .closed = closed};
	struct siphash_key key;
	int err;

	privacy_random_kernel(NULL, &key, sizeof(key));
	s->match = match_new(EXCHANGES_OPEN, clock_offset_ns(), &key, &ops, s);
	err = s->match ? onlooker_attach(&s->onlooker, &key, config_tls_connections(s->config))
		       : -ENOMEM;
	explicit_bzero(&key, sizeof(key));
	return err ? err : attach_timing(s);
}

static int open_sampler(struct session *s, unsigned hz)
{
	s->hz = hz;
	if (!hz)
		return 0;
	s->stacks = stacks_new(SAMPLES_MAX);
	if (!s->stacks)
		return -ENOMEM;
	sampler_open(hz, &s->sampler, s->no_stacks, sizeof(s->no_stacks));
	return 0;
}

int session_open(const struct config *config, const struct dependencies *dependencies, unsigned hz,
		 struct session **out)
{
	struct session *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	s->config = config;
	s->onlooker.stage = "profile";
	s->hops = hops_new(EXCHANGES_MAX);
	s->tape = tape_new(EVENTS_MAX);
	err = s->hops && s->tape ? onlooker_find(&s->onlooker, config->targets, config->targets_len)
				 : -ENOMEM;
	if (!err)
		err = open_sampler(s, hz);
	if (!err) {
		timing_open(dependencies, SESSION_RING, &s->timing, s->no_clock,
			    sizeof(s->no_clock));
		err = s->timing ? timing_begin_reading(s->timing) : 0;
	}
	if (!err) {
		/* The clocks run before the first exchange is seen. */
		watch_processes(s);
		err = attach(s);
	}
	if (err) {
		session_close(s);
		return err;
	}
	processes_start(s->onlooker.processes);
	*out = s;
	return 0;
}

void session_close(struct session *s)
{
	if (!s)
		return;
	onlooker_fini(&s->onlooker);
	timing_close(s->timing);
	sampler_close(s->sampler);
	stacks_free(s->stacks);
	match_free(s->match);
	hops_free(s->hops);
	tape_free(s->tape);
	free(s);
}

static bool is_full(struct session *s)
{
	if (s->timing && timing_dropped(s->timing))
		s->shortened = "the events of threads came faster than they were read";
	else if (tape_full_ns(s->tape) != UINT64_MAX)
		s->shortened = "there were more events of threads than are kept";
	else if (hops_full(s->hops))
		s->shortened = "there were more exchanges than are kept";
	return s->shortened != NULL;
}

void session_run(struct session *s, uint64_t for_ns, const volatile sig_atomic_t *ended)
{
	const struct timespec pause = {0, DRAIN_MS * NS_PER_MS};
	uint64_t begin_ns = clock_mono_ns(), now_ns = begin_ns, tick_ns = begin_ns;

	s->drained_ns = begin_ns;
	while (now_ns - begin_ns < for_ns && !*ended && !is_full(s)) {
		nanosleep(&pause, NULL);
		if (now_ns >= tick_ns) {
			processes_scan(s->onlooker.processes);
			watch_processes(s);
			tick_ns = now_ns + TICK_NS;
		}
		drain(s);
		now_ns = clock_mono_ns();
	}
	s->ns = now_ns - begin_ns;
	s->end_ns = now_ns;
	drain(s);
	tape_settle(s->tape, UINT64_MAX);
	match_drain(s->match, now_ns);
	if (s->sampler)
		sampler_name(s->sampler, s->stacks);
}

struct hops *session_hops(struct session *s)
{
	return s->hops;
}

const struct tape *session_tape(const struct session *s)
{
	return s->tape;
}

uint64_t session_ns(const struct session *s)
{
	return s->ns;
}

uint64_t session_end_ns(const struct session *s)
{
	return s->end_ns;
}

const char *session_no_clock(const struct session *s)
{
	return s->timing ? NULL : s->no_clock;
}

const char *session_no_dependencies(const struct session *s)
{
	return s->timing && !timing_sees_dependencies(s->timing)
		       ? "this kernel does not take the programs that see their connections"
		       : NULL;
}

const char *session_shortened(const struct session *s)
{
	return s->shortened;
}

const struct stacks *session_stacks(const struct session *s)
{
	return s->sampler ? s->stacks : NULL;
}

struct hot session_hot(const struct session *s)
{
	struct sampler_stats stats;

	if (!s->sampler)
		return (struct hot){.no_stacks = s->hz ? s->no_stacks : NULL};
	stats = sampler_stats(s->sampler);
	return (struct hot){
		.hz = s->hz,
		.dropped = stats.dropped + stacks_lost(s->stacks),
		.cost_ns = stats.cost_ns,
		.samples = stats.samples,
		.scripts = stats.scripts,
		.unnamed = stats.unnamed,
		.cut = stats.cut,
		.unwatched = stats.unwatched,
		.unknown = sampler_unknown(s->sampler),
	};
}
