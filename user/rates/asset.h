/* SPDX-License-Identifier: Apache-2.0 */
/* asset.h - the unit of an amount: an asset's code and its scale. */
#ifndef TELLTALE_ASSET_H
#define TELLTALE_ASSET_H

#include <stdint.h>

/* An ILP packet does not name its asset: the configuration does. */
struct asset {
	char code[12]; /* the peering's, such as "USD"; empty: the asset is not known */
	uint8_t scale; /* 10^scale units are one of the asset; 0 to 38 (the RFC: 0 to 255) */
};

#endif
