/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_dice.c - that draws have exactly the probabilities they are to have. All random bytes that a
 * draw can take are tried, up to DEPTH of them: a draw that takes more is undecided.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "privacy/dice.h"

#define DEPTH 3

/* Gives out the bytes of the case that is tried, and says how many were wanted. */
struct script {
	unsigned char bytes[DEPTH];
	size_t len, wanted;
};

static void give(void *context, void *buf, size_t len)
{
	struct script *s = context;
	unsigned char *at = buf;

	for (size_t i = 0; i < len; i++, s->wanted++)
		/* Whatever ends a draw that is undecided. */
		at[i] = s->wanted < s->len ? s->bytes[s->wanted] : (unsigned char)(97 * s->wanted);
}

/* The probability of what DRAW gives, at least and at most. */
struct probability {
	double low, high;
};

/* What begins with the bytes of S, which have the probability WEIGHT. */
static void try_all(struct script *s, double weight, uint64_t (*draw)(struct dice *d, uint64_t n),
		    uint64_t n, uint64_t wanted, struct probability *p)
{
	struct dice d = {give, s};
	uint64_t result;

	s->wanted = 0;
	result = draw(&d, n);
	if (s->wanted <= s->len) {
		p->low += result == wanted ? weight : 0;
		p->high += result == wanted ? weight : 0;
		return;
	}
	if (s->len == DEPTH) {
		p->high += weight;
		return;
	}
	s->len++;
	for (unsigned byte = 0; byte < 256; byte++) {
		s->bytes[s->len - 1] = (unsigned char)byte;
		try_all(s, weight / 256, draw, n, wanted, p);
	}
	s->len--;
}

static void assert_probability(uint64_t (*draw)(struct dice *d, uint64_t n), uint64_t n,
			       uint64_t wanted, double exact, double undecided)
{
	struct script s = {.len = 0};
	struct probability p = {0};

	try_all(&s, 1, draw, n, wanted, &p);
	if (exact < p.low - 1e-12 || exact > p.high + 1e-12 || p.high - p.low > undecided)
		fail_msg("%.9f is to be between %.9f and %.9f, at most %g apart", exact, p.low,
			 p.high, undecided);
}

/* exp(-N/1000) */
static uint64_t thousandths(struct dice *d, uint64_t n)
{
	return dice_bernoulli_exp(d, n, 1000);
}

static void test_a_coin_of_exp_1_is_exact(void **state)
{
	(void)state;
	assert_probability(thousandths, 1000, true, exp(-1), 3e-4);
}

static void test_a_coin_of_exp_n_m_is_exact(void **state)
{
	static const uint64_t ns[] = {1, 7, 125, 250, 333};

	(void)state;
	for (size_t i = 0; i < sizeof(ns) / sizeof(ns[0]); i++)
		assert_probability(thousandths, ns[i], true, exp(-(double)ns[i] / 1000), 0.03);
}

static uint64_t uniform(struct dice *d, uint64_t bound)
{
	return dice_uniform(d, bound);
}

static void test_a_uniform_draw_is_exact(void **state)
{
	(void)state;
	for (uint64_t value = 0; value < 7; value++)
		assert_probability(uniform, 7, value, 1.0 / 7, 1e-5);
	assert_probability(uniform, 256, 255, 1.0 / 256, 0);
}

#define T(name) cmocka_unit_test(test_##name)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_coin_of_exp_1_is_exact),
		T(a_coin_of_exp_n_m_is_exact),
		T(a_uniform_draw_is_exact),
	};

	return cmocka_run_group_tests_name("dice", tests, NULL, NULL);
}
