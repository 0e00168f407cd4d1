/* SPDX-License-Identifier: Apache-2.0 */
/* Gives exchanges to the stage of payments and collects its output. Included after cmocka.h. */
#ifndef TELLTALE_TESTS_PAYING_H
#define TELLTALE_TESTS_PAYING_H

#include <stdio.h>
#include <string.h>

#include "bpf/record.h"
#include "exchange/payments.h"

#define MS 1000000ULL
#define S  (1000 * MS)

#define CAPACITY 4
#define IDLE     (30 * S)
#define MAX      (600 * S)
#define SEEN_MAX 4096

static struct payments *payments;
static struct contribution seen[SEEN_MAX];
static size_t seen_len;

static inline void sink(void *context, const struct contribution *c)
{
	assert_ptr_equal(context, seen);
	assert_true(seen_len < SEEN_MAX);
	seen[seen_len++] = *c;
}

static inline int setup(void **state)
{
	(void)state;
	seen_len = 0;
	payments = payments_new(CAPACITY, IDLE, MAX, sink, seen);
	return payments ? 0 : -1;
}

static inline int teardown(void **state)
{
	(void)state;
	payments_free(payments);
	return 0;
}

static inline struct exchange at(uint64_t prepare_ns, enum outcome outcome)
{
	bool reply = outcome == OUTCOME_FULFILLED || outcome == OUTCOME_REJECTED ||
		     outcome == OUTCOME_EXPIRED;
	struct exchange e = {
		.target = 1,
		.role = RECORD_ROLE_CLIENT,
		.origin = ORIGIN_ORIGINATED,
		.destination = 0xde57,
		.amount = 100,
		.outcome = outcome,
		.prepare_ns = prepare_ns,
		.prepare_done_ns = prepare_ns,
		.reply_ns = reply ? prepare_ns + 50 * MS : 0,
		.reply_done_ns = prepare_ns + 50 * MS,
	};

	return e;
}

static inline void give(struct exchange e)
{
	payments_exchange(payments, &e);
}

static inline void give_fulfilled(uint64_t prepare_ns, uint64_t value)
{
	struct exchange e = at(prepare_ns, OUTCOME_FULFILLED);

	e.converted = true;
	e.value = value;
	give(e);
}

static inline void give_rejected(uint64_t prepare_ns, const char *code)
{
	struct exchange e = at(prepare_ns, OUTCOME_REJECTED);

	strcpy(e.reject_code, code);
	give(e);
}

static inline size_t count(enum contribution_kind kind)
{
	size_t n = 0;

	for (size_t i = 0; i < seen_len; i++)
		n += seen[i].kind == kind;
	return n;
}

/* The output since the last call, one word for each contribution: T, P(fulfilled|code|outcome), E,
 * Q... */
static inline const char *words(void)
{
	static char text[SEEN_MAX * 4];
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < seen_len; i++) {
		const struct contribution *c = &seen[i];
		const char *kind = c->kind == CONTRIBUTION_TRANSACTION   ? "T"
				   : c->kind == CONTRIBUTION_PAYMENT_END ? "E"
				   : c->kind == CONTRIBUTION_PACKET      ? "P"
									 : "Q";
		char packet[16] = "";

		if (*kind == 'P' || *kind == 'Q')
			snprintf(packet, sizeof(packet), ":%s",
				 c->outcome == OUTCOME_FULFILLED  ? "ok"
				 : c->outcome == OUTCOME_REJECTED ? c->reject_code
				 : c->outcome == OUTCOME_EXPIRED  ? "expired"
				 : c->outcome == OUTCOME_CLOSED   ? "closed"
								  : "other");
		len += snprintf(text + len, sizeof(text) - len, "%s%s%s", i ? " " : "", kind,
				packet);
	}
	seen_len = 0;
	return text;
}

static inline struct payment_stats stats(void)
{
	return payments_stats(payments);
}

#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

#endif
