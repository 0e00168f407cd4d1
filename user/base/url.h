/* SPDX-License-Identifier: Apache-2.0 */
/* url.h - http(s) URLs: parsed, normalised, and cut so that a message may show them. */
#ifndef TELLTALE_URL_H
#define TELLTALE_URL_H

#include <stdbool.h>

/* The parts of a URL; NULL where it has none. */
struct url {
	char *scheme, *user, *host, *port, *path, *query, *fragment;
};

/* TEXT may have no scheme: "host:4317" is read as http. False: TEXT is not a URL, or memory is
 * short. The caller frees URL with url_fini, after false too. */
bool url_parse(const char *text, struct url *url);
void url_fini(struct url *url);
bool url_is_http(const struct url *url); /* http or https */
/* Whether the host is one that a Host header can have. */
bool url_has_host(const struct url *url);

/* Copies TEXT, which may not be a valid URL, as a message may show it: shortened, and without user,
 * password and query, which can be secrets. */
#define URL_SHOWN 128
void url_show(const char *text, char shown[URL_SHOWN]);

/*
 * Normalises "host[:port][/path]" or an http(s) URL, so that all spellings of one endpoint compare
 * equal: lower-case host, no scheme, no query, and "/" where there is no path. Ports 80 and 443 are
 * removed whatever the scheme is, because a proxy in between may do the TLS. malloc'ed; NULL: not
 * an endpoint, or memory is short.
 */
char *url_normalise(const char *text);

#endif
