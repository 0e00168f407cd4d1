/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/verdict.h"

#include "bpf/record.h"

/* What was found out about a member. */
struct fact {
	bool far_end; /* came in at the other end of one that went out */
	bool stays;   /* went out to one that is a far end */
};

struct judged {
	struct exchange **members;
	size_t n;
	struct fact facts[VERDICT_MAX];
};

static bool is_out(const struct exchange *e)
{
	return e->role == RECORD_ROLE_CLIENT;
}

static void sort(struct exchange *members[], size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct exchange *e = members[i];
		size_t at = i;

		for (; at && members[at - 1]->order > e->order; at--)
			members[at] = members[at - 1];
		members[at] = e;
	}
}

/* --- in and out ------------------------------------------------------------------------------ */

/* Was IN answered while OUT waited for its answer? */
static bool nested(const struct exchange *in, const struct exchange *out)
{
	uint64_t answered_ns = in->reply_ns ? in->reply_ns : in->reply_done_ns;

	return in->prepare_ns >= out->prepare_ns && answered_ns <= out->reply_done_ns;
}

/* A library hands a request over before the program acts on it, so nothing in TLS is read late. */
static bool may_be_late(const struct exchange *in)
{
	return in->tap == RECORD_TAP_SOCKET;
}

static bool knows_ports(const struct exchange *e)
{
	return e->port && e->local_port;
}

/* Is IN, which was seen later, the other end of OUT's connection? Addresses may be translated on
 * the way inside a host, so that ports prove it and do not disprove it. */
static bool is_far_end(const struct exchange *in, const struct exchange *out)
{
	if (knows_ports(in) && knows_ports(out) && in->local_port == out->port &&
	    in->port == out->local_port)
		return true;
	if (in->endpoint != out->endpoint || in->token != out->token)
		return false;
	return !may_be_late(in) || nested(in, out);
}

static void find_far_ends(struct judged *j)
{
	for (size_t i = 0; i < j->n; i++) {
		for (size_t k = 0; k < i && !is_out(j->members[i]); k++) {
			if (!is_out(j->members[k]) || !is_far_end(j->members[i], j->members[k]))
				continue;
			j->facts[i].far_end = j->facts[k].stays = true;
		}
	}
}

enum direction { OUT_FIRST, IN_FIRST, NOT_KNOWN };

/* IN was seen after all of the outgoing ones before place AT. */
static enum direction direction_of(const struct judged *j, size_t at)
{
	const struct exchange *in = j->members[at];
	bool answered = false;

	if (j->facts[at].far_end || !may_be_late(in))
		return OUT_FIRST;
	for (size_t i = 0; i < at; i++) {
		if (!is_out(j->members[i]))
			continue;
		answered |= j->members[i]->reply_ns != 0;
		if (nested(in, j->members[i]) && j->members[i]->reply_ns)
			return OUT_FIRST;
	}
	return answered ? IN_FIRST : NOT_KNOWN;
}

static enum direction direction(const struct judged *j)
{
	enum direction found = OUT_FIRST;
	bool out_before = false;

	for (size_t i = 0; i < j->n; i++) {
		enum direction d;

		if (is_out(j->members[i])) {
			out_before = true;
			continue;
		}
		d = out_before ? direction_of(j, i) : IN_FIRST;
		if (d == IN_FIRST)
			return IN_FIRST;
		if (d == NOT_KNOWN)
			found = NOT_KNOWN;
	}
	return found;
}

/* --- tries ----------------------------------------------------------------------------------- */

static bool same_prepare(const struct exchange *a, const struct exchange *b)
{
	return a->destination == b->destination && a->amount == b->amount &&
	       a->expires_at == b->expires_at;
}

static bool follows(const struct exchange *e, const struct exchange *before)
{
	return e->prepare_ns >= before->reply_done_ns;
}

/* Does E, seen after the tries SET of LEN, begin a set of its own? */
static bool begins_anew(struct exchange *const set[], size_t len, const struct exchange *e)
{
	bool after_all = true;

	for (size_t i = 0; i < len; i++) {
		if (exchange_answered(set[i]) && follows(e, set[i]))
			return true;
		after_all &= follows(e, set[i]);
	}
	return after_all && !same_prepare(e, set[0]);
}

/* ORIGIN for the one of a set that stands for all; the others are copies. */
static void settle_set(struct exchange *const set[], size_t len, enum origin origin)
{
	struct exchange *one = NULL;

	for (size_t i = 0; i < len; i++) {
		set[i]->origin = ORIGIN_PROXY_COPY;
		if (i && !same_prepare(set[i], set[0]))
			continue;
		if (!one || !exchange_answered(one))
			one = set[i];
	}
	one->origin = origin;
}

/* Members of one direction: ORIGIN for one of each set of tries. What the first one causes on its
 * way inside the target is none of them. */
static void settle(struct judged *j, bool out, enum origin origin)
{
	struct exchange *set[VERDICT_MAX];
	bool stays = false;
	size_t len = 0;

	for (size_t i = 0; i < j->n; i++) {
		struct exchange *e = j->members[i];

		if (is_out(e) != out)
			continue;
		if (!len)
			stays = j->facts[i].stays;
		if (j->facts[i].far_end || j->facts[i].stays != stays) {
			e->origin = ORIGIN_PROXY_COPY;
			continue;
		}
		if (len && begins_anew(set, len, e)) {
			settle_set(set, len, origin);
			len = 0;
		}
		set[len++] = e;
	}
	if (len)
		settle_set(set, len, origin);
}

/* --- all together ---------------------------------------------------------------------------- */

/* What came in first: has it left the target again? */
static void settle_incoming(struct judged *j)
{
	bool left = false;

	for (size_t i = 0; i < j->n; i++)
		left |= is_out(j->members[i]) && !j->facts[i].stays;
	settle(j, true, left ? ORIGIN_FORWARDED : ORIGIN_PROXY_COPY);
	settle(j, false, left ? ORIGIN_FORWARDED : ORIGIN_RECEIVED);
}

/* By far the most are alone with their condition. */
static enum origin of_one(const struct exchange *e, bool came_in)
{
	if (!is_out(e))
		return ORIGIN_RECEIVED;
	return came_in ? ORIGIN_FORWARDED : ORIGIN_ORIGINATED;
}

void verdict_judge(struct exchange *members[], size_t n, bool came_in)
{
	struct judged j = {.members = members, .n = n};
	enum direction d;

	if (n == 1) {
		members[0]->origin = of_one(members[0], came_in);
		return;
	}
	sort(members, n);
	find_far_ends(&j);
	d = came_in ? IN_FIRST : direction(&j);
	if (d == IN_FIRST) {
		settle_incoming(&j);
		return;
	}
	settle(&j, true, d == NOT_KNOWN ? ORIGIN_UNKNOWN : ORIGIN_ORIGINATED);
	settle(&j, false, ORIGIN_PROXY_COPY);
}
