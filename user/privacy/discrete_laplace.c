/* SPDX-License-Identifier: Apache-2.0 */
#include "privacy/discrete_laplace.h"

#include <stdbool.h>

#include "privacy/dice.h"

int64_t discrete_laplace_draw(uint64_t numerator, uint32_t denominator, privacy_random *random,
			      void *random_context)
{
	struct dice d = {random, random_context};
	uint64_t magnitude;
	bool negative;

	/* There is one zero, not a positive and a negative one. */
	do {
		negative = dice_coin(&d);
		magnitude = dice_geometric(&d, numerator, denominator);
	} while (negative && !magnitude);
	if (magnitude > INT64_MAX)
		magnitude = INT64_MAX;
	return negative ? -(int64_t)magnitude : (int64_t)magnitude;
}
