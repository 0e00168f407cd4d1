/* SPDX-License-Identifier: Apache-2.0 */
/* asset.h - what an amount is counted in: an asset's code and its scale. */
#ifndef TELLTALE_ASSET_H
#define TELLTALE_ASSET_H

#include <stdint.h>

/* An ILP packet carries no asset: configuration says it. */
struct asset {
	char code[12]; /* as the peering has it, such as "USD"; empty: not attributed */
	uint8_t scale; /* 10^scale units make one of the asset; 0 to 255 by the RFC, 0 to 38 here */
};

#endif
