/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rates.h - exchange rates and exact conversion into the base currency at scale 4.
 *
 * A rate document is {"base": "USD", "rates": {"EUR": 0.813399}}: one unit of the base buys that
 * many of each asset. A rate is read from its decimal text into an integer and an exponent. A
 * conversion multiplies and divides in 128-bit integers, floors once, at the end, and saturates at
 * UINT64_MAX. Amounts are never floating point.
 *
 * There are two sources: the operator's own, used first, and the network's, used as a fallback.
 * Each is a file path or an http(s) URL. A URL is requested with ?base=USD, but the "base" in the
 * answer counts. rates_tick, called from the caller's loop, fetches without blocking. The last good
 * document stays in use.
 */
#ifndef TELLTALE_RATES_H
#define TELLTALE_RATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rates/asset.h"
#include "rates/decimal.h"
#include "rates/source.h"

#define RATES_BASE_CODE    "USD"
#define RATES_BASE_SCALE   4
#define RATES_DOCUMENT_MAX (1u << 20) /* bytes; a larger document is refused */

struct rates_document;

/*
 * Parses LEN bytes of JSON. 0: the caller owns *OUT. -EINVAL or -ENOMEM: WHY gets a sentence that
 * says what is wrong: not JSON, no base, a rate that is not a positive decimal number or not
 * between 1e-18 and 1e18, a duplicate.
 */
int rates_parse(const char *text, size_t len, struct rates_document **out, char *why,
		size_t why_len);
/* The rates of a document that cannot be used. */
struct rates_refused {
	size_t count;
	char why[192]; /* of the first; empty when there is none */
};
/* The same, but a rate that cannot be used is left out and reported in *REFUSED. A document without
 * a rate that can be used is an error. */
int rates_judge(const char *text, size_t len, struct rates_document **out,
		struct rates_refused *refused, char *why, size_t why_len);
void rates_document_free(struct rates_document *d);
const char *rates_document_base(const struct rates_document *d);
/* The number of rates in it, without the base's own. */
size_t rates_document_len(const struct rates_document *d);
/* Calls EACH for every rate of D, in the order of the codes. */
void rates_document_each(const struct rates_document *d,
			 void (*each)(void *context, const char *code, struct rate rate),
			 void *context);

enum rates_result {
	RATES_OK = 0,
	RATES_UNKNOWN,   /* the document cannot convert the asset to the base currency */
	RATES_SATURATED, /* *value is UINT64_MAX: the true one does not fit */
};

/* *VALUE is what AMOUNT units of ASSET are worth in the base currency at RATES_BASE_SCALE, floored.
 * When D is NULL, only the base currency itself can be converted. */
enum rates_result rates_document_convert(const struct rates_document *d, uint64_t amount,
					 const struct asset *asset, uint64_t *value);

struct rates_status {
	bool configured;
	bool loaded;
	uint64_t age_ms; /* since the document in use was fetched */
	uint64_t refreshes, failures;
	char base[12];
	size_t assets;
	char error[256];              /* of the last fetch; empty when it succeeded */
	struct rates_refused refused; /* of the document in use */
};

struct rates;

/* Copies CONFIG (one entry for each source). Does not fetch. */
struct rates *rates_new(const struct rates_source_config config[RATES_SOURCES]);
void rates_free(struct rates *r);
/* Takes CONFIG from now on, without a gap: what a source had stays in use until its new place has
 * answered. A source that is no longer named has no rates any more. 0 or -ENOMEM: nothing has
 * changed. */
int rates_change(struct rates *r, const struct rates_source_config config[RATES_SOURCES]);
/* Starts the fetches that are due and continues those that have not ended; never blocks. NOW_MS is
 * CLOCK_MONOTONIC. After each failure in a row the wait is longer, from 5 s to 5 min. */
void rates_tick(struct rates *r, uint64_t now_ms);
/* In how many ms the caller should call rates_tick again; -1 when nothing is configured. The time
 * is short during a fetch, because each step of a TLS handshake takes one call. */
int rates_wait_ms(const struct rates *r, uint64_t now_ms);
/* Fetches all configured sources and waits until they are done. For commands, which may block. 0,
 * or -errno of the last failure. */
int rates_load(struct rates *r, unsigned timeout_ms);
/* Converts with the operator's document if it has the asset, else with the network's. The base
 * currency itself needs neither. */
enum rates_result rates_convert(const struct rates *r, uint64_t amount, const struct asset *asset,
				uint64_t *value);
struct rates_status rates_status(const struct rates *r, enum rates_source source, uint64_t now_ms);
/* The document of SOURCE that is in use, valid until the next rates_tick; NULL: none yet. */
const struct rates_document *rates_in_use(const struct rates *r, enum rates_source source);
/* Calls EACH for every asset in the document of SOURCE, in the order of the codes. */
void rates_each(const struct rates *r, enum rates_source source,
		void (*each)(void *context, const char *code, struct rate rate), void *context);

#endif
