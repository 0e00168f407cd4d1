/* SPDX-License-Identifier: Apache-2.0 */
#include "privacy/laplace.h"

#include "privacy/dice.h"

int64_t laplace_draw(uint64_t numerator, uint32_t denominator, privacy_random *random,
		     void *random_context)
{
	struct dice d = {random, random_context};
	uint64_t magnitude;

	if (!dice_bernoulli_exp(&d, denominator / 2, numerator))
		return 0;
	magnitude = dice_geometric(&d, numerator, denominator);
	magnitude = magnitude < INT64_MAX ? magnitude + 1 : INT64_MAX;
	return dice_coin(&d) ? -(int64_t)magnitude : (int64_t)magnitude;
}
