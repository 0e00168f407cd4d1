/* SPDX-License-Identifier: Apache-2.0 */
/*
 * endpoint.h - what the operator says of a collector, and of what exports say of themselves.
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
	enum network network; /* whose collector it is; of NETWORK it must be the node's own */
};

struct config_attribute {
	char *key, *value;
};

void config_endpoint_init(struct config_endpoint *e); /* to the defaults */
void config_endpoint_fini(struct config_endpoint *e);
/* Certificate files that fit each other and the scheme; histograms that fit the audience. */
int config_check_endpoint(const struct config_endpoint *e, char *why);
/* Puts the name of HEADERS[I] into lower case; what gRPC would refuse as metadata, and a name that
 * one before has, is an error. The value is never repeated in WHY: it may be a secret. */
int config_check_header(struct config_header *headers, size_t i, char *why);
int config_check_attribute(const char *key, char *why);

void config_pairs_free(struct config_attribute *pairs, size_t pairs_len);

#endif
