/* SPDX-License-Identifier: Apache-2.0 */
/*
 * endpoint.h - what the operator configures about a collector, and the attributes that exports
 * carry.
 *
 * The checks return 0, or -EINVAL with "what; fix" in WHY (CONFIG_WHY bytes of text.h).
 */
#ifndef TELLTALE_CONFIG_ENDPOINT_H
#define TELLTALE_CONFIG_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "release/audience.h"
#include "release/network.h"

#define CONFIG_ENDPOINTS_MAX 16
#define CONFIG_PAIRS_MAX     64 /* headers of an endpoint; resource attributes */

#define CONFIG_TIMEOUT_MS     10000
#define CONFIG_TIMEOUT_MIN_MS 100
#define CONFIG_TIMEOUT_MAX_MS 300000

struct config_endpoint {
	char *url;       /* as given */
	char *authority; /* host:port for the gRPC channel */
	bool tls;
	enum audience audience;               /* NETWORK or OWN */
	char *ca_file, *cert_file, *key_file; /* NULL: gRPC's defaults, no client certificate */
	struct config_header {
		char *name, *value;
	} * headers;
	size_t headers_len;
	uint32_t timeout_ms;
	bool gzip;
	bool exponential;     /* histograms; OWN only */
	bool traces;          /* it gets them; OWN only */
	enum network network; /* that the collector serves; with NETWORK it must be the node's */
};

struct config_attribute {
	char *key, *value;
};

void config_endpoint_init(struct config_endpoint *e); /* to the defaults */
void config_endpoint_fini(struct config_endpoint *e);
/* Whether A and B name the same collector: one host and port, whatever the spelling. */
bool config_same_collector(const struct config_endpoint *a, const struct config_endpoint *b);
/* Why B may not stand beside A, which names the same collector, as "what; fix". */
const char *config_same_collector_words(const struct config_endpoint *a,
					const struct config_endpoint *b);
/* Checks that certificate files fit each other and the scheme, and histograms the audience. */
int config_check_endpoint(const struct config_endpoint *e, char *why);
/* Changes the name of HEADERS[I] to lower case. A header that gRPC would refuse as metadata is an
 * error, and so is a name that an earlier header has. WHY never shows the value, which may be a
 * secret. */
int config_check_header(struct config_header *headers, size_t i, char *why);
int config_check_attribute(const char *key, char *why);

void config_pairs_free(struct config_attribute *pairs, size_t pairs_len);

#endif
