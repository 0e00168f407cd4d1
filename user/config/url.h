/* SPDX-License-Identifier: Apache-2.0 */
/*
 * url.h - URLs and lists of pairs of the configuration.
 *
 * Each returns 0, -ENOMEM, or -EINVAL with "what; fix" in WHY (CONFIG_WHY bytes).
 */
#ifndef TELLTALE_CONFIG_URL_H
#define TELLTALE_CONFIG_URL_H

#include <stdbool.h>
#include <stddef.h>

#include "config/endpoint.h"

/* Sets url, authority and tls; TLS_DEFAULT holds where TEXT has no scheme, and is then made plain
 * in url. */
int config_parse_url(const char *text, bool tls_default, struct config_endpoint *e, char *why);
/* "k=v,k2=v2" with percent-encoding, as OTLP's variables have it. *PAIRS is malloc'ed, at most
 * CONFIG_PAIRS_MAX long. */
int config_parse_pairs(const char *text, struct config_attribute **pairs, size_t *pairs_len,
		       char *why);
/* *ENDPOINT is malloc'ed, as url_normalise gives it, and no longer than the probe can see. */
int config_parse_peer_endpoint(const char *text, char **endpoint, char *why);
/* A path or a URL; where it leads is not looked at. */
int config_parse_rates_location(const char *text, char *why);

#endif
