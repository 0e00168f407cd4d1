/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dice.h - exact draws from integers only, which both kinds of noise are made of.
 *
 * Those of Canonne, Kamath, Steinke 2020 (algorithms 1 and 2), exact for rational parameters given
 * uniform integers. How many random bytes a draw takes depends on the noise drawn, never on what it
 * is added to; draws are made on the clock and not when somebody asks.
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
/* True and false alike. */
bool dice_coin(struct dice *d);
/* True with probability exp(-N/M); M is above 0. */
bool dice_bernoulli_exp(struct dice *d, uint64_t n, uint64_t m);
/* The whole part of an exponential with mean T/S, both above 0; saturates at UINT64_MAX. */
uint64_t dice_geometric(struct dice *d, uint64_t t, uint32_t s);

#endif
