/* SPDX-License-Identifier: Apache-2.0 */
/* source.h - the configuration of a source of rates. */
#ifndef TELLTALE_RATES_SOURCE_H
#define TELLTALE_RATES_SOURCE_H

#include <stdint.h>

enum rates_source { RATES_OPERATOR, RATES_NETWORK, RATES_SOURCES };

struct rates_source_config {
	char *location;       /* path, http:// or https:// URL; NULL: none */
	uint32_t lifetime_ms; /* how long a document is used before it is fetched again */
};

#endif
