/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dice.h - exact random draws from integers only, of which both kinds of noise are made.
 *
 * They are algorithms 1 and 2 of Canonne, Kamath, Steinke 2020, which are exact for rational
 * parameters, given uniform integers. How many random bytes a draw takes depends on the noise that
 * is drawn and on its scale, never on the value it is added to. Draws are made at fixed times, and
 * not when somebody asks for a figure.
 */
#ifndef TELLTALE_DICE_H
#define TELLTALE_DICE_H

#include <stdbool.h>
#include <stdint.h>

#include "privacy/entropy.h"

struct dice {
	privacy_random *random;
	void *context;
};

/* Uniform from 0 to BOUND - 1; BOUND is above 0. */
uint64_t dice_uniform(struct dice *d, uint64_t bound);
/* True or false with probability 1/2 each. */
bool dice_coin(struct dice *d);
/* True with probability exp(-N/M); M is above 0. */
bool dice_bernoulli_exp(struct dice *d, uint64_t n, uint64_t m);
/* The whole part of an exponential variable with mean T/S. T and S are above 0. Saturates at
 * UINT64_MAX. */
uint64_t dice_geometric(struct dice *d, uint64_t t, uint32_t s);

#endif
