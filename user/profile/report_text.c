/* SPDX-License-Identifier: Apache-2.0 */
/* report_text.c - the report in 80 columns. */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "profile/columns.h"
#include "profile/figures.h"
#include "release/vocabulary.h"

#define PEERS_SHOWN 10

#define BAR 17 /* with a label of 43, the line has 80 columns */

static double ms_of(uint64_t ns)
{
	return (double)ns / NS_PER_MS;
}

static double percent_of(uint64_t part, uint64_t whole)
{
	return whole ? 100.0 * (double)part / (double)whole : 0;
}

/* NS of all N hops together, as the mean; WHOLE_NS is all of their time. */
static void print_row(FILE *out, const char *label, uint64_t ns, uint64_t n, uint64_t whole_ns)
{
	double percent = percent_of(ns, whole_ns);
	int bar = (int)(percent * BAR / 100 + 0.5);

	fprintf(out, "  %-43.43s %9.3f %4.0f%%%s", label, ms_of(ns) / (double)n, percent,
		bar ? " " : "");
	for (int i = 0; i < bar; i++)
		fputc('#', out);
	fputc('\n', out);
}

/* "connector out: postgresql, not runnable". */
static void name_row(char *label, size_t len, const struct report *r, int part, unsigned wait,
		     int state)
{
	const char *waits = report_wait(r, wait);
	/* Else it sleeps until what came in wakes it. */
	bool inside = part == HOP_OUT || part == HOP_BACK;

	if (waits)
		snprintf(label, len, "%s: %s, %s", report_part_words[part], waits,
			 report_state_words[state]);
	else
		snprintf(label, len, "%s: %s%s", report_part_words[part], report_state_words[state],
			 state == STRIP_BLOCKED && inside ? ", cause not seen" : "");
}

static void print_part(FILE *out, const struct report *r, const struct hop_columns *c, int part,
		       uint64_t n, uint64_t whole_ns)
{
	char label[64];

	for (unsigned wait = 0; wait < HOP_WAITS; wait++) {
		for (int state = 0; state < STRIP_STATES; state++) {
			if (!c->ns[part][wait][state])
				continue;
			name_row(label, sizeof(label), r, part, wait, state);
			print_row(out, label, c->ns[part][wait][state], n, whole_ns);
		}
	}
}

static void print_columns(FILE *out, const struct report *r, const struct hop_columns *c,
			  uint64_t n)
{
	uint64_t whole_ns = columns_sum(c);

	print_part(out, r, c, HOP_RECEIVE, n, whole_ns);
	print_part(out, r, c, HOP_OUT, n, whole_ns);
	if (c->peer_ns)
		print_row(out, "peer and wire", c->peer_ns, n, whole_ns);
	print_part(out, r, c, HOP_REPLY, n, whole_ns);
	print_part(out, r, c, HOP_BACK, n, whole_ns);
	print_row(out, "all of it", whole_ns, n, whole_ns);
}

/* What all parts and states had of one dependency. */
static uint64_t wait_sum(const struct hop_columns *c, unsigned wait)
{
	uint64_t sum = 0;

	for (int part = 0; part < HOP_PARTS; part++) {
		for (int state = 0; state < STRIP_STATES; state++)
			sum += c->ns[part][wait][state];
	}
	return sum;
}

static void print_dependencies(FILE *out, const struct report *r, const struct hop_columns *c,
			       uint64_t n)
{
	for (unsigned wait = 1; wait < HOP_SEVERAL; wait++) {
		if (c->turns[wait])
			fprintf(out, "  %s: %.1f turns a packet, %.3f ms together\n",
				report_wait(r, wait), c->turns[wait] / (double)n,
				ms_of(wait_sum(c, wait)) / (double)n);
	}
}

static void print_kind(FILE *out, const struct report *r, enum hop_kind which)
{
	const struct report_kind *kind = &r->kinds[which];
	uint64_t n = kind->splits[HOP_SPLIT];

	if (!kind->hops)
		return;
	fprintf(out, "\n%s: %" PRIu64 " packet%s\n", report_kind_words[which], kind->hops,
		kind->hops == 1 ? "" : "s");
	for (int i = 0; i < HOP_SPLITS; i++) {
		if (kind->splits[i])
			fprintf(out, "  %5.1f %% %s\n", percent_of(kind->splits[i], kind->hops),
				report_split_words[i]);
	}
	if (!n) {
		fputs("  where their time went: -\n", out);
		return;
	}
	fprintf(out, "\n  %-43s %9s\n", "of those that were alone, the mean", "ms");
	print_columns(out, r, &kind->columns, n);
	print_dependencies(out, r, &kind->columns, n);
}

static void print_in_hand(FILE *out, const struct report *r)
{
	const uint64_t *ns = r->in_hand_ns;

	if (!(ns[STRIP_ON] + ns[STRIP_WAITING] + ns[STRIP_BLOCKED]))
		return;
	fputs("\nWhile several packets were in hand, all together\n", out);
	for (int state = 0; state < STRIP_STATES; state++)
		fprintf(out, "  %-43s %9.3f ms\n", report_state_words[state], ms_of(ns[state]));
}

static void print_outcomes(FILE *out, const struct report *r)
{
	fputs("\nOutcomes:", out);
	for (unsigned i = 1; i < OUTCOMES; i++) {
		if (r->outcomes[i])
			fprintf(out, " %s %" PRIu64, vocabulary_outcomes.words[i - 1].label,
				r->outcomes[i]);
	}
	fputc('\n', out);
	if (r->codes_len)
		fputs("Rejects:", out);
	for (size_t i = 0; i < r->codes_len; i++)
		fprintf(out, " %s %" PRIu64, r->codes[i].code, r->codes[i].hops);
	if (r->codes_more)
		fprintf(out, " others %" PRIu64, r->codes_more);
	if (r->codes_len)
		fputc('\n', out);
	if (r->packets)
		fprintf(out, "Turned away by the connector itself: %.1f %% of %" PRIu64 "\n",
			percent_of(r->turned_away, r->packets), r->packets);
	if (r->margins)
		fprintf(out, "Expiry shortened by %.0f ms on average, by %" PRId64 " at least\n",
			(double)r->margin_sum_ms / (double)r->margins, r->margin_least_ms);
}

static const char *peer_of(const struct report *r, uint64_t endpoint)
{
	const char *text = endpoint && r->params.endpoint
				   ? r->params.endpoint(r->params.context, endpoint)
				   : NULL;

	return text ? text : "-";
}

static void print_times(FILE *out, const struct histogram *h)
{
	if (h->count)
		fprintf(out, " %8.1f %7.1f", neighbours_quantile(h, 0.5),
			neighbours_quantile(h, 0.95));
	else
		fprintf(out, " %8s %7s", "-", "-");
}

static void print_peer(FILE *out, const struct neighbour *n, const char *name)
{
	fprintf(out, "  %-27.27s %7" PRIu64 " %6.1f %%", name, n->packets,
		percent_of(n->outcomes[OUTCOME_FULFILLED], n->packets));
	print_times(out, &n->times[NEIGHBOUR_HOLD]);
	print_times(out, &n->times[NEIGHBOUR_PEER]);
	fputc('\n', out);
}

static void print_peers(FILE *out, const struct report *r)
{
	const struct neighbours *n = &r->neighbours;
	size_t shown = n->len < PEERS_SHOWN ? n->len : PEERS_SHOWN;

	if (!n->len)
		return;
	fprintf(out, "\n%-46s   hold ms            peer ms\n", "Peers");
	fprintf(out, "  %-27s %7s %8s %8s %7s %8s %7s\n", "", "packets", "fulfill.", "median",
		"95 %", "median", "95 %");
	for (size_t i = 0; i < shown; i++)
		print_peer(out, &n->list[i], peer_of(r, n->list[i].endpoint));
	if (n->len > shown)
		fprintf(out, "  ... and %zu more, in JSON\n", n->len - shown);
	if (n->list[NEIGHBOURS_MAX].packets)
		print_peer(out, &n->list[NEIGHBOURS_MAX], "all others");
}

static void print_wires(FILE *out, const struct report *r)
{
	const struct neighbours *n = &r->neighbours;

	if (!n->len)
		return;
	fputs("\nOf the peer's time, the wire there and back (estimate: TCP's shortest)\n", out);
	for (size_t i = 0; i < n->len && i < PEERS_SHOWN; i++) {
		const struct neighbour *one = &n->list[i];
		const char *name = peer_of(r, one->endpoint);

		if (one->wire_us)
			fprintf(out, "  %-27.27s %9.3f ms at most\n", name, one->wire_us / 1e3);
		else
			fprintf(out, "  %-27.27s %9s (%s)\n", name, "-", neighbours_no_wire(one));
	}
}

static void print_slowest(FILE *out, const struct report *r)
{
	for (size_t i = 0; i < r->slowest_len; i++) {
		const struct report_slow *s = &r->slowest[i];

		fprintf(out, "\nSlowest, %zu: %s, %s%s%s, %.40s\n", i + 1,
			report_kinds[s->hop.kind],
			s->hop.outcome ? vocabulary_outcomes.words[s->hop.outcome - 1].label : "-",
			s->hop.reject_code[0] ? " " : "", s->hop.reject_code,
			peer_of(r, s->hop.endpoint));
		print_columns(out, r, &s->columns, 1);
	}
}

void report_print(const struct report *r, const struct report_session *s, FILE *out)
{
	uint64_t hops = 0;

	for (int i = 0; i < HOP_KINDS; i++)
		hops += r->kinds[i].hops;
	fprintf(out, "%" PRIu64 " packet%s in %.1f s\n", hops, hops == 1 ? "" : "s",
		(double)s->ns / NS_PER_S);
	if (s->shortened)
		fprintf(out, "The profile ended early: %s\n", s->shortened);
	if (s->no_clock)
		fprintf(out, "No clocks: %s\n", s->no_clock);
	if (s->no_dependencies)
		fprintf(out, "No dependencies: %s\n", s->no_dependencies);
	if (!hops)
		return;
	for (int i = 0; i < HOP_KINDS; i++)
		print_kind(out, r, i);
	print_in_hand(out, r);
	hot_print(&s->hot, out);
	print_outcomes(out, r);
	print_peers(out, r);
	print_wires(out, r);
	print_slowest(out, r);
	fprintf(out, "\ntelltale itself: %.0f ms of CPU time, %.0f MB of memory\n",
		ms_of(s->own_cpu_ns), (double)s->own_bytes / 1e6);
}
