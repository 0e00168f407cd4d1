/* SPDX-License-Identifier: Apache-2.0 */
/*
 * privacy.h - holds every counter and histogram that can leave the host, and is the only maker of
 * struct released.
 *
 * Two calls are the mechanism: privacy_observe as things happen, privacy_release on the clock.
 * `bucket-laplace`, the network's published scheme, acts on each value as it is observed: bucket,
 * round, add Laplace noise. It gives no finite epsilon; counts and times carry no noise in it.
 *
 * A released sum never falls: noise that would lower it holds the released value until the
 * underlying sum has caught up (running maximum).
 *
 * Operational counters (what was lost, what is blind) are kept here too, so that one snapshot says
 * everything; they go to the operator's own endpoints only (metrics.h says which).
 */
#ifndef TELLTALE_PRIVACY_H
#define TELLTALE_PRIVACY_H

#include <stddef.h>
#include <stdint.h>

#include "payments.h"
#include "released.h"

/* Values are in the base currency at scale 4 (10000 = 1.00 USD). */
struct privacy_params {
	uint64_t min_bucket; /* default 2500 */
	uint64_t max_bucket; /* default 10000000 */
	uint64_t min_value;  /* default 2500 */
	uint64_t max_value;  /* default 100000000 */
};

#define PRIVACY_PARAMS_DEFAULT                                                                     \
	{                                                                                          \
		.min_bucket = 2500, .max_bucket = 10000000, .min_value = 2500,                     \
		.max_value = 100000000                                                             \
	}

/* Where randomness comes from: fills BUF with LEN bytes. Tests inject a seeded one. */
typedef void privacy_random(void *context, void *buf, size_t len);
/* getrandom(2); never fails (blocks until the kernel's generator is seeded). */
void privacy_random_kernel(void *context, void *buf, size_t len);

/* 0, or -EINVAL with a sentence in WHY: zero or crossed limits, a bucket above 2^62. */
int privacy_params_check(const struct privacy_params *params, char *why, size_t why_len);

/* The published scheme's steps. VALUE may be any u64. */
uint64_t privacy_bucket_size(const struct privacy_params *params, uint64_t value);
uint64_t privacy_round(const struct privacy_params *params, uint64_t value, uint64_t bucket);
/* ROUNDED plus Laplace noise of scale max(rounded/10, bucket)/10, as an integer; bucket/2 when
 * exactly 0. May be negative. */
int64_t privacy_noisy(const struct privacy_params *params, uint64_t rounded, uint64_t bucket,
		      privacy_random *random, void *random_context);

struct privacy;

/*
 * SOURCE is the instance name (copied). RANDOM NULL means the kernel's. START_UNIX_NS is the
 * process's start, carried by every release. Returns NULL when memory is short.
 */
struct privacy *privacy_new(const struct privacy_params *params, const char *source,
			    uint64_t start_unix_ns, privacy_random *random, void *random_context);
void privacy_free(struct privacy *p);

/*
 * Signature payment_sink, with the struct privacy as context. Packet counters, rejects by code and
 * payment times take originated payments and probes only; what others originated enters the
 * operator's transactions and amounts by origin.
 */
void privacy_observe(void *privacy, const struct contribution *c);
/* One exchange closed: times and outcomes by origin (the operator's own view). */
void privacy_exchange(struct privacy *p, const struct exchange *e);

/*
 * Operational series. Every series exists from the start, at zero: privacy_new makes those with
 * fixed labels; privacy_series adds one with a label value known only at run time (KEY and VALUE
 * copied), and returns its handle or -1 when the table is full.
 */
int privacy_series(struct privacy *p, enum metric metric, const char *key, const char *value);
void privacy_add(struct privacy *p, int series, uint64_t delta);
void privacy_set(struct privacy *p, int series, int64_t value);

/* A snapshot of all of it, never lower than the one before; the caller owns one reference. NULL
 * when memory is short. */
struct released *privacy_release(struct privacy *p, uint64_t now_unix_ns);

/*
 * Exact totals of what was observed: for tests and the demonstration (`run --truth`), never
 * exported.
 */
struct privacy_truth {
	uint64_t transactions, prepares, fulfills, rejects; /* originated payments */
	uint64_t value;                                     /* base currency, scale 4 */
	uint64_t probe_prepares, probe_rejects;
	uint64_t outcomes[OUTCOMES]; /* all exchanges, whosever */
	uint64_t lost[LOSTS];        /* OUTCOME_LOST by cause */
};
struct privacy_truth privacy_truth(const struct privacy *p);

#endif
