/* SPDX-License-Identifier: Apache-2.0 */
/*
 * url.h - parses the configuration's URLs and its lists of name=value pairs.
 *
 * Each returns 0, -ENOMEM, or -EINVAL with "what; fix" in WHY (CONFIG_WHY bytes).
 */
#ifndef TELLTALE_CONFIG_URL_H
#define TELLTALE_CONFIG_URL_H

#include <stdbool.h>
#include <stddef.h>

#include "config/endpoint.h"

/* Sets url, authority and tls of E. When TEXT has no scheme, TLS_DEFAULT decides tls, and url gets
 * the scheme https:// if it is true. */
int config_parse_url(const char *text, bool tls_default, struct config_endpoint *e, char *why);
/* "k=v,k2=v2" with percent-encoding, as in OTLP's variables. *PAIRS is malloc'ed and has at most
 * CONFIG_PAIRS_MAX entries. */
int config_parse_pairs(const char *text, struct config_attribute **pairs, size_t *pairs_len,
		       char *why);
/* *ENDPOINT is TEXT as url_normalise returns it, malloc'ed. A longer one than the probe can see is
 * an error. */
int config_parse_peer_endpoint(const char *text, char **endpoint, char *why);
/* Checks that TEXT is an absolute path or a URL. Does not check that anything is there. */
int config_parse_rates_location(const char *text, char *why);

#endif
