/* SPDX-License-Identifier: Apache-2.0 */
#include "publish/publish.h"

#include <errno.h>
#include <gmp.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rates/decimal.h"
#include "rates/rates.h"

#define POWER_MAX 18 /* rates are from 10^-18 to 10^18 */

struct vote {
	size_t source;
	bool taken;
	mpq_t rate;
};

struct combine {
	const struct publish_source *sources;
	size_t sources_len;
	bool all_answered;
	const struct quotes *previous;
	unsigned digits;
	mpq_t max_change, confirm_within; /* as ratios */
	void (*say)(void *context, const char *sentence);
	void *context;
	struct publication *p;
	FILE *text;
	/* Of the current asset. */
	const char *code;
	bool known; /* BEFORE is its previous rate */
	mpq_t before, median, scratch, largest;
	struct vote votes[PUBLISH_SOURCES_MAX];
	size_t votes_len;
};

static void say(struct combine *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct combine *c, const char *format, ...)
{
	char sentence[512];
	va_list args;

	va_start(args, format);
	vsnprintf(sentence, sizeof(sentence), format, args);
	va_end(args);
	c->say(c->context, sentence);
}

/* --- exact numbers --- */

static void set_rate(mpq_t q, struct rate r)
{
	mpz_ptr power = r.exponent < 0 ? mpq_denref(q) : mpq_numref(q);
	uint64_t m = r.mantissa;

	mpq_set_ui(q, 1, 1);
	mpz_ui_pow_ui(power, 10, (unsigned long)(r.exponent < 0 ? -r.exponent : r.exponent));
	if (r.exponent < 0)
		mpz_import(mpq_numref(q), 1, 1, sizeof(m), 0, 0, &m);
	else
		mpz_mul_ui(power, power, m);
	mpq_canonicalize(q);
}

static void set_quote(mpq_t q, const struct quote *quote)
{
	mpq_t denominator;

	mpq_init(denominator);
	set_rate(q, quote->numerator);
	set_rate(denominator, quote->denominator);
	mpq_div(q, q, denominator);
	mpq_clear(denominator);
}

/* SCRATCH = (A - B) / B */
static void change_from(mpq_t scratch, const mpq_t a, const mpq_t b)
{
	mpq_sub(scratch, a, b);
	mpq_div(scratch, scratch, b);
}

/* Whether A and B differ by at most RATIO of B. */
static bool within(struct combine *c, const mpq_t a, const mpq_t b, const mpq_t ratio)
{
	change_from(c->scratch, a, b);
	mpq_abs(c->scratch, c->scratch);
	return mpq_cmp(c->scratch, ratio) <= 0;
}

/* Rounds Q, which is above zero, to DIGITS significant digits, half to even. */
static struct rate round_to(const mpq_t q, unsigned digits)
{
	mpz_t n, d, quotient, rest, low, power;
	struct rate r = {.mantissa = 0};
	long exponent;
	int half;

	mpz_inits(n, d, quotient, rest, low, power, NULL);
	mpz_ui_pow_ui(low, 10, digits - 1);
	/* The first estimate may be too small, never too large; the quotient is then too large. */
	exponent = (long)mpz_sizeinbase(mpq_numref(q), 10) -
		   (long)mpz_sizeinbase(mpq_denref(q), 10) - (long)digits - 1;
	for (;; exponent++) {
		mpz_ui_pow_ui(power, 10, (unsigned long)labs(exponent));
		mpz_set(n, mpq_numref(q));
		mpz_set(d, mpq_denref(q));
		if (exponent < 0)
			mpz_mul(n, n, power);
		else
			mpz_mul(d, d, power);
		mpz_tdiv_qr(quotient, rest, n, d);
		mpz_mul_ui(power, low, 10);
		if (mpz_cmp(quotient, power) < 0)
			break;
	}
	mpz_mul_ui(rest, rest, 2);
	half = mpz_cmp(rest, d);
	if (half > 0 || (!half && mpz_odd_p(quotient)))
		mpz_add_ui(quotient, quotient, 1);
	while (mpz_divisible_ui_p(quotient, 10)) {
		mpz_divexact_ui(quotient, quotient, 10);
		exponent++;
	}
	mpz_export(&r.mantissa, NULL, 1, sizeof(r.mantissa), 0, 0, quotient);
	r.exponent = (int32_t)exponent;
	mpz_clears(n, d, quotient, rest, low, power, NULL);
	return r;
}

/* Q for messages: at most six significant digits. */
static const char *readable(const mpq_t q, char *buf, size_t len)
{
	decimal_format(round_to(q, 6), buf, len);
	return buf;
}

/* The change from BEFORE to Q in per cent, rounded to two decimals, for messages. */
static void format_change(struct combine *c, const mpq_t q, char *out, size_t out_len)
{
	unsigned long hundredths;
	mpz_t n;

	change_from(c->scratch, q, c->before);
	mpz_init(n);
	mpz_abs(n, mpq_numref(c->scratch));
	mpz_mul_ui(n, n, 20000);
	mpz_add(n, n, mpq_denref(c->scratch));
	mpz_tdiv_q(n, n, mpq_denref(c->scratch));
	mpz_tdiv_q_2exp(n, n, 1);
	hundredths = mpz_tdiv_q_ui(n, n, 100);
	gmp_snprintf(out, out_len, "%c%Zd.%02lu", mpq_sgn(c->scratch) < 0 ? '-' : '+', n,
		     hundredths);
	mpz_clear(n);
}

/* --- one asset --- */

static void collect_votes(struct combine *c)
{
	c->votes_len = 0;
	for (size_t i = 0; i < c->sources_len; i++) {
		const struct quotes *quotes = c->sources[i].quotes;
		const struct quote *quote = quotes ? quotes_find(quotes, c->code) : NULL;

		if (!quote)
			continue;
		c->votes[c->votes_len].source = i;
		c->votes[c->votes_len].taken = false;
		set_quote(c->votes[c->votes_len].rate, quote);
		c->votes_len++;
	}
}

static bool confirmed(struct combine *c, size_t which)
{
	for (size_t i = 0; i < c->votes_len; i++) {
		if (i != which &&
		    within(c, c->votes[i].rate, c->votes[which].rate, c->confirm_within) &&
		    within(c, c->votes[which].rate, c->votes[i].rate, c->confirm_within))
			return true;
	}
	return false;
}

static bool plausible(struct combine *c, size_t which)
{
	if (c->known)
		return within(c, c->votes[which].rate, c->before, c->max_change);
	return c->votes_len == 1;
}

static void refuse_vote(struct combine *c, const struct vote *vote)
{
	char rate[DECIMAL_TEXT_MAX], before[DECIMAL_TEXT_MAX];
	char change[sizeof(c->p->change)];

	readable(vote->rate, rate, sizeof(rate));
	c->p->refused++;
	if (!c->known) {
		say(c, "%s says one USD buys %s %s, and no other source agrees: refused",
		    c->sources[vote->source].name, rate, c->code);
		return;
	}
	format_change(c, vote->rate, change, sizeof(change));
	say(c,
	    "%s says one USD buys %s %s, %s %% from the %s published before, and no other source "
	    "confirms it: refused",
	    c->sources[vote->source].name, rate, c->code, change,
	    readable(c->before, before, sizeof(before)));
}

/* Decides which sources' rates to take; returns how many. */
static size_t judge(struct combine *c)
{
	size_t taken = 0;

	for (size_t i = 0; i < c->votes_len; i++) {
		c->votes[i].taken = plausible(c, i) || confirmed(c, i);
		taken += c->votes[i].taken;
		if (!c->votes[i].taken)
			refuse_vote(c, &c->votes[i]);
	}
	return taken;
}

static int compare_votes(const void *a, const void *b)
{
	return mpq_cmp(*(const mpq_ptr *)a, *(const mpq_ptr *)b);
}

static void find_median(struct combine *c)
{
	mpq_ptr taken[PUBLISH_SOURCES_MAX];
	size_t n = 0;

	for (size_t i = 0; i < c->votes_len; i++) {
		if (c->votes[i].taken)
			taken[n++] = c->votes[i].rate;
	}
	qsort(taken, n, sizeof(taken[0]), compare_votes);
	mpq_add(c->median, taken[(n - 1) / 2], taken[n / 2]);
	mpq_div_2exp(c->median, c->median, 1);
}

static void note_change(struct combine *c)
{
	change_from(c->scratch, c->median, c->before);
	mpq_abs(c->scratch, c->scratch);
	if (mpq_cmp(c->scratch, c->largest) <= 0)
		return;
	mpq_set(c->largest, c->scratch);
	snprintf(c->p->changed, sizeof(c->p->changed), "%s", c->code);
	format_change(c, c->median, c->p->change, sizeof(c->p->change));
}

static void write_rate(struct combine *c, struct rate r)
{
	char rate[DECIMAL_TEXT_MAX];

	decimal_format(r, rate, sizeof(rate));
	fprintf(c->text, "%s\"%s\":%s", c->p->rates ? "," : "", c->code, rate);
	c->p->rates++;
}

static void keep(struct combine *c, const char *because)
{
	say(c, "%s keeps the rate published before: %s", c->code, because);
	c->p->kept++;
	write_rate(c, round_to(c->before, PUBLISH_DIGITS_MAX));
}

static void combine_asset(struct combine *c)
{
	const struct quote *before = c->previous ? quotes_find(c->previous, c->code) : NULL;
	struct rate rounded;

	c->known = before != NULL;
	if (before)
		set_quote(c->before, before);
	collect_votes(c);
	if (!c->votes_len) {
		if (!c->all_answered) {
			keep(c, "a source failed, and no other one has it");
			return;
		}
		say(c, "%s is dropped: no source has it any more", c->code);
		c->p->dropped++;
		return;
	}
	if (!judge(c)) {
		if (before)
			keep(c, "no new one could be taken; if they are right, publish once with a "
				"larger --max-change");
		return;
	}
	find_median(c);
	rounded = round_to(c->median, c->digits);
	if (decimal_compare_power(rounded, -POWER_MAX) < 0 ||
	    decimal_compare_power(rounded, POWER_MAX) > 0) {
		say(c, "%s is left out: its rate is not between 1e-18 and 1e18", c->code);
		c->p->refused++;
		return;
	}
	set_rate(c->median, rounded);
	if (before)
		note_change(c);
	else
		c->p->added++;
	write_rate(c, rounded);
}

/* --- all of them --- */

static int compare_codes(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Lists every code that occurs, sorted, each once. */
static int list_codes(const struct combine *c, const char ***out, size_t *out_len)
{
	size_t most = c->previous ? c->previous->len : 0, len = 0, unique = 0;
	const char **codes;

	for (size_t i = 0; i < c->sources_len; i++)
		most += c->sources[i].quotes ? c->sources[i].quotes->len : 0;
	codes = calloc(most + 1, sizeof(codes[0]));
	if (!codes)
		return -ENOMEM;
	for (size_t i = 0; i <= c->sources_len; i++) {
		const struct quotes *q = i < c->sources_len ? c->sources[i].quotes : c->previous;

		for (size_t j = 0; q && j < q->len; j++)
			codes[len++] = q->items[j].code;
	}
	qsort(codes, len, sizeof(codes[0]), compare_codes);
	for (size_t i = 0; i < len; i++) {
		if (!unique || strcmp(codes[unique - 1], codes[i]) != 0)
			codes[unique++] = codes[i];
	}
	*out = codes;
	*out_len = unique;
	return 0;
}

static void set_percent(mpq_t q, struct rate percent)
{
	percent.exponent -= 2;
	set_rate(q, percent);
}

static void combine_init(struct combine *c, const struct publish_limits *limits)
{
	c->all_answered = true;
	for (size_t i = 0; i < c->sources_len; i++)
		c->all_answered = c->all_answered && c->sources[i].quotes;
	c->digits = limits->digits;
	mpq_inits(c->max_change, c->confirm_within, c->before, c->median, c->scratch, c->largest,
		  NULL);
	for (size_t i = 0; i < PUBLISH_SOURCES_MAX; i++)
		mpq_init(c->votes[i].rate);
	set_percent(c->max_change, limits->max_change);
	set_percent(c->confirm_within, limits->confirm_within);
}

static void combine_fini(struct combine *c)
{
	mpq_clears(c->max_change, c->confirm_within, c->before, c->median, c->scratch, c->largest,
		   NULL);
	for (size_t i = 0; i < PUBLISH_SOURCES_MAX; i++)
		mpq_clear(c->votes[i].rate);
}

int publish_combine(const struct publish_source *sources, size_t sources_len,
		    const struct quotes *previous, const struct publish_limits *limits,
		    void (*say_to)(void *context, const char *sentence), void *context,
		    struct publication **out)
{
	struct combine c = {.sources = sources,
			    .sources_len = sources_len,
			    .previous = previous,
			    .say = say_to,
			    .context = context};
	const char **codes = NULL;
	size_t codes_len = 0;
	int error = -ENOMEM;

	combine_init(&c, limits);
	c.p = calloc(1, sizeof(*c.p));
	if (!c.p)
		goto out;
	c.text = open_memstream(&c.p->text, &c.p->len);
	if (!c.text || list_codes(&c, &codes, &codes_len))
		goto out;
	fprintf(c.text, "{\"base\":\"" RATES_BASE_CODE "\",\"rates\":{");
	for (size_t i = 0; i < codes_len; i++) {
		c.code = codes[i];
		combine_asset(&c);
	}
	fprintf(c.text, "}}\n");
	error = ferror(c.text) ? -ENOMEM : 0;
	if (fclose(c.text))
		error = -ENOMEM;
	c.text = NULL;
	if (!error && c.p->rates == c.p->kept)
		error = -EINVAL;
	if (!error) {
		*out = c.p;
		c.p = NULL;
	}
out:
	if (c.text)
		fclose(c.text);
	free(codes);
	publication_free(c.p);
	combine_fini(&c);
	return error;
}

void publication_free(struct publication *p)
{
	if (!p)
		return;
	free(p->text);
	free(p);
}
