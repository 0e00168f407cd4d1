/* SPDX-License-Identifier: Apache-2.0 */
#include "page/condition.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "config/config.h"
#include "export/export.h"
#include "release/vocabulary.h"

const char *const condition_states[CONDITION_STATES] = {"good", "waiting", "warn", "bad"};
const char *const condition_names[CONDITION_PARTS] = {"Targets",  "TLS",   "Packets",
						      "Coverage", "Rates", "Exports"};

/* What comes at intervals is late after so many of them, and not before LATE_S, as a busy host may
 * be slow. */
#define REFRESHES_LATE 3
#define INTERVALS_LATE 4
#define LATE_S         60

__attribute__((format(printf, 3, 4))) static void
say(struct condition *c, enum condition_state state, const char *format, ...)
{
	va_list args;

	c->state = state;
	va_start(args, format);
	vsnprintf(c->text, sizeof(c->text), format, args);
	va_end(args);
}

static void advise(struct condition *c, const char *fix)
{
	snprintf(c->fix, sizeof(c->fix), "%s", fix);
}

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

/* "12 s", "3 min", "5 h", "4 days". */
static const char *span(int64_t s, char *buf, size_t len)
{
	if (s < 0)
		s = 0;
	if (s < 120)
		snprintf(buf, len, "%" PRId64 " s", s);
	else if (s / 60 < 120)
		snprintf(buf, len, "%" PRId64 " min", s / 60);
	else if (s / 3600 < 48)
		snprintf(buf, len, "%" PRId64 " h", s / 3600);
	else
		snprintf(buf, len, "%" PRId64 " days", s / 86400);
	return buf;
}

static int64_t now_s(const struct page_facts *f)
{
	return (int64_t)(f->snapshot->time_unix_ns / NS_PER_S);
}

static bool is_late(int64_t age_s, int64_t intervals, uint32_t interval_ms)
{
	int64_t patience_s = intervals * interval_ms / 1000;

	return age_s > (patience_s > LATE_S ? patience_s : LATE_S);
}

/* The sum of METRIC's points whose first label is LABEL; NULL: of all. NONE: there is no point. */
static int64_t value_of(const struct released *r, enum metric metric, const char *label,
			int64_t none)
{
	int64_t sum = 0;
	bool found = false;

	for (size_t i = 0; i < r->points_len; i++) {
		const struct released_point *p = &r->points[i];

		if (p->metric != metric ||
		    (label && (!p->labels_len || strcmp(p->labels[0].value, label) != 0)))
			continue;
		sum += p->value;
		found = true;
	}
	return found ? sum : none;
}

/* --- what is watched ---------------------------------------------------------------------------
 */

/* NAME is not whole, and neither are MORE others. */
static void say_missing(struct condition *c, const char *name, const struct target_status *s,
			size_t more)
{
	char others[48] = "";

	if (more)
		snprintf(others, sizeof(others), " (and %zu more)", more);
	say(c, s->state == TARGET_ATTACHED ? CONDITION_WARN : CONDITION_BAD, "%.120s%s: %s%s%.200s",
	    name, others, target_states[s->state], s->reason[0] ? ": " : "", s->reason);
	advise(c, s->state == TARGET_ATTACHED
			  ? "`telltale check` says what does not attach, and why"
			  : "start it, or correct its name: `telltale discover` names who "
			    "speaks ILP here");
}

static void judge_targets(const struct page_facts *f, struct condition *c)
{
	struct target_status missing = {0};
	const char *name = NULL;
	uint64_t cgroups = 0;
	size_t n = 0;

	for (size_t i = 0; i < f->targets_len; i++) {
		struct target_status s = target_status(&f->targets[i]);

		cgroups += s.cgroups;
		if (target_is_whole(&s))
			continue;
		if (!n++) {
			name = f->targets[i].name;
			missing = s;
		}
	}
	if (n)
		say_missing(c, name, &missing, n - 1);
	else
		say(c, CONDITION_GOOD, "%zu attached, %" PRIu64 " cgroup%s", f->targets_len,
		    cgroups, plural(cgroups));
}

#define NAME(id, label, loss, brief, name, why, ...) [OPAQUE_##id] = name ": " why,

/* What cannot be read most often, in words. */
static const char *most_opaque(const struct released *r)
{
	static const char *const words[] = {OPAQUE_WORDS(NAME)};
	const char *most = "";
	int64_t highest = 0;

	for (size_t i = 0; i < vocabulary_opaque.len; i++) {
		int64_t n = value_of(r, METRIC_OPAQUE, vocabulary_opaque.words[i].label, 0);

		if (n > highest) {
			highest = n;
			most = words[i];
		}
	}
	return most;
}

static void judge_tls(const struct page_facts *f, struct condition *c)
{
	int64_t processes = value_of(f->snapshot, METRIC_TLS_PROCESSES, NULL, 0);
	int64_t unread = value_of(f->snapshot, METRIC_OPAQUE, NULL, 0);

	if (unread) {
		say(c, CONDITION_WARN,
		    "%" PRId64 " connection%s since the start cannot be read; %" PRId64
		    " process%s read",
		    unread, plural((uint64_t)unread), processes, processes == 1 ? " is" : "es are");
		advise(c, most_opaque(f->snapshot));
	} else if (processes) {
		say(c, CONDITION_GOOD, "%" PRId64 " process%s read", processes,
		    processes == 1 ? " is" : "es are");
	} else {
		say(c, CONDITION_GOOD, "no process has a TLS library");
	}
}

/* --- what was seen -----------------------------------------------------------------------------
 */

static void judge_packets(const struct page_facts *f, struct condition *c)
{
	const struct released *r = f->snapshot;
	int64_t last = value_of(r, METRIC_LAST_PACKET, NULL, 0);
	int64_t begin = (int64_t)(r->start_unix_ns / NS_PER_S), since = last > begin ? last : begin;
	char text[32];

	span(now_s(f) - since, text, sizeof(text));
	if (now_s(f) - since >= PAGE_QUIET_S) {
		say(c, CONDITION_WARN, "no ILP packet has been seen for %s", text);
		advise(c,
		       "is this the right target? `telltale discover` names who speaks ILP here");
	} else if (last) {
		say(c, CONDITION_GOOD, "the last one %s ago", text);
	} else {
		say(c, CONDITION_WAITING, "none yet, for %s", text);
	}
}

static void judge_coverage(const struct page_facts *f, struct condition *c)
{
	const struct released *r = f->snapshot;

	if (value_of(r, METRIC_COVERAGE, NULL, 1)) {
		say(c, CONDITION_GOOD, "nothing was missed since the start");
		return;
	}
	say(c, CONDITION_WARN, "some traffic was not read, priced or followed: totals are too low");
	if (value_of(r, METRIC_UNATTRIBUTED, NULL, 0))
		advise(c, "some packets have no known asset: `telltale peers` lists the peers that "
			  "lack one");
	else
		advise(c, "what could not be seen is listed by cause, on the page and in `telltale "
			  "top`");
}

static void judge_rates(const struct page_facts *f, struct condition *c)
{
	int64_t unpriced = value_of(f->snapshot, METRIC_UNCONVERTED, NULL, 0);
	bool configured = false, late = false;
	char text[128] = "", age[32];

	for (unsigned i = 0; i < RATES_SOURCES; i++) {
		const struct rates_source_config *source = &f->config->rates[i];
		const char *whose = vocabulary_documents.words[i].label;
		int64_t s = value_of(f->snapshot, METRIC_RATES_AGE, whose, -1);
		size_t len = strlen(text);

		if (!source->location)
			continue;
		late = late || s < 0 || is_late(s, REFRESHES_LATE, source->lifetime_ms);
		snprintf(text + len, sizeof(text) - len, "%sthe %s's %s%s", len ? ", " : "", whose,
			 s < 0 ? "could not be fetched" : span(s, age, sizeof(age)),
			 s < 0 ? "" : " old");
		configured = true;
	}
	if (unpriced) {
		say(c, CONDITION_WARN, "%" PRId64 " packet%s had no rate", unpriced,
		    plural((uint64_t)unpriced));
		advise(c, "name a source that has the asset under `rates:`");
	} else if (!configured) {
		say(c, CONDITION_GOOD, "none: amounts in USD need none");
	} else {
		say(c, late ? CONDITION_WARN : CONDITION_GOOD, "%s", text);
		if (late)
			advise(c, "`telltale rates show` tries each source");
	}
}

/* --- what was sent -----------------------------------------------------------------------------
 */

static void judge_endpoint(const struct page_facts *f, const struct export_status *s,
			   struct condition *c)
{
	int64_t success_s = (int64_t)(s->last_success_unix_ns / NS_PER_S);
	char text[32];

	if (s->consecutive_failures) {
		say(c, CONDITION_BAD, "%.120s: %u attempt%s failed in a row: %.200s", s->url,
		    s->consecutive_failures, plural(s->consecutive_failures), s->last_error);
		advise(c, "nothing is lost, as each export has the totals so far; `telltale check` "
			  "tries each collector");
	} else if (!success_s) {
		say(c, CONDITION_WAITING, "%.120s has accepted nothing yet", s->url);
	} else if (is_late(now_s(f) - success_s, INTERVALS_LATE, f->config->export_interval_ms)) {
		say(c, CONDITION_WARN, "%.120s accepted the last one %s ago", s->url,
		    span(now_s(f) - success_s, text, sizeof(text)));
		advise(c, "telltale's log says why");
	} else if (s->rejected_points) {
		say(c, CONDITION_WARN, "%.120s has refused %" PRIu64 " point%s", s->url,
		    s->rejected_points, plural(s->rejected_points));
		advise(c, "the collector's log says why");
	} else {
		say(c, CONDITION_GOOD, "the last one was accepted %s ago",
		    span(now_s(f) - success_s, text, sizeof(text)));
	}
}

/* Of several endpoints the one that does worst. */
static void judge_exports(const struct page_facts *f, struct condition *c)
{
	struct export_status *states = calloc(CONFIG_ENDPOINTS_MAX, sizeof(*states));
	size_t n = states && f->exporter ? export_status(f->exporter, states, CONFIG_ENDPOINTS_MAX)
					 : 0;

	if (!f->config->endpoints_len)
		say(c, CONDITION_GOOD, "no collector: nothing leaves this host");
	else if (f->export_failed)
		say(c, CONDITION_BAD,
		    "nothing is sent: the exporter could not be started; the log says why");
	else if (!n)
		say(c, CONDITION_WAITING, "nothing is sent yet");
	for (size_t i = 0; i < n; i++) {
		struct condition one = {0};

		judge_endpoint(f, &states[i], &one);
		if (!i || one.state > c->state)
			*c = one;
	}
	if (n > 1 && c->state == CONDITION_GOOD)
		say(c, CONDITION_GOOD, "each of %zu collectors has accepted the last one", n);
	free(states);
}

void condition_judge(const struct page_facts *f, struct condition out[CONDITION_PARTS])
{
	static void (*const judges[CONDITION_PARTS])(const struct page_facts *,
						     struct condition *) = {
		[CONDITION_TARGETS] = judge_targets, [CONDITION_TLS] = judge_tls,
		[CONDITION_PACKETS] = judge_packets, [CONDITION_COVERAGE] = judge_coverage,
		[CONDITION_RATES] = judge_rates,     [CONDITION_EXPORTS] = judge_exports,
	};

	memset(out, 0, CONDITION_PARTS * sizeof(*out));
	for (int i = 0; i < CONDITION_PARTS; i++)
		judges[i](f, &out[i]);
}

enum condition_part condition_worst(const struct condition all[CONDITION_PARTS])
{
	int worst = 0;

	for (int i = 1; i < CONDITION_PARTS; i++) {
		if (all[i].state > all[worst].state)
			worst = i;
	}
	return (enum condition_part)worst;
}
