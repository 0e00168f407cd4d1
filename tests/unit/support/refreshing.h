/* SPDX-License-Identifier: Apache-2.0 */
/* Exchange rates that are fetched again and again. Included after cmocka.h. */
#ifndef TELLTALE_TESTS_REFRESHING_H
#define TELLTALE_TESTS_REFRESHING_H

#include <string.h>

#include "rates/rates.h"

#define USD_DOCUMENT "{\"base\":\"USD\",\"rates\":{\"EUR\":0.5}}"
#define EUR_DOCUMENT "{\"base\":\"EUR\",\"rates\":{\"USD\":4}}"
#define DAY_MS       86400000u

static inline struct rates *rates_at(char *operator_location, char *network_location)
{
	struct rates_source_config config[RATES_SOURCES] = {
		{operator_location, DAY_MS},
		{network_location, DAY_MS},
	};
	struct rates *r = rates_new(config);

	assert_non_null(r);
	return r;
}

static inline uint64_t one(const struct rates *r, const char *code)
{
	struct asset a = {.scale = 0};
	uint64_t value;

	strcpy(a.code, code);
	return rates_convert(r, 1, &a, &value) == RATES_OK ? value : 0;
}

#define RATE(text) "{\"base\":\"USD\",\"rates\":{\"EUR\":" text "}}"

/* Texts that must never be accepted as a document. */
static const char *const hostile[] = {
	"",
	"null",
	"{}",
	"{\"base\":\"USD\",\"rates\":{\"EUR\":0.",
	"{\"base\":\"USD\",\"rates\":{\"EUR\":1},",
	RATE("0"),
	RATE("-0.0"),
	RATE("0e5"),
	RATE("-1"),
	RATE("NaN"),
	RATE("Infinity"),
	RATE("1e400"),
	RATE("1e-400"),
	RATE("\"0.5\""),
	RATE("null"),
	RATE("0.5,\"EUR\":0.25"),
	RATE("[[[[[[[[[[[[1]]]]]]]]]]]]"),
};

#define HOSTILE_LEN (sizeof(hostile) / sizeof(hostile[0]))

/* Checks that the document from time 0 is still in use and that its age is reported. */
static inline void assert_last_good(const struct rates *r, uint64_t failures, uint64_t now,
				    const char *what)
{
	struct rates_status status = rates_status(r, RATES_OPERATOR, now);

	if (status.failures != failures || !status.loaded || status.refreshes != 1 ||
	    status.age_ms != now || !status.error[0] || one(r, "EUR") != 20000)
		fail_msg("%s: failures %llu, refreshes %llu, age %llu, EUR %llu: %s", what,
			 (unsigned long long)status.failures, (unsigned long long)status.refreshes,
			 (unsigned long long)status.age_ms, (unsigned long long)one(r, "EUR"),
			 status.error);
}

#endif
