/* SPDX-License-Identifier: Apache-2.0 */
/* url.h - http(s) URLs taken apart, brought into one form, and made fit to be shown. */
#ifndef TELLTALE_URL_H
#define TELLTALE_URL_H

#include <stdbool.h>

/* The parts of a URL; NULL where it has none. */
struct url {
	char *scheme, *user, *host, *port, *path, *query, *fragment;
};

/* TEXT may lack its scheme: "host:4317" is http. False: TEXT is not a URL, or memory is short. URL
 * is the caller's to url_fini, after false too. */
bool url_parse(const char *text, struct url *url);
void url_fini(struct url *url);
bool url_is_http(const struct url *url); /* http or https */
/* Whether the host is one that a Host header can have. */
bool url_has_host(const struct url *url);

/* TEXT, which was to be a URL, as a message may show it: cut short, without what can be a secret
 * (user and password, query). */
#define URL_SHOWN 128
void url_show(const char *text, char shown[URL_SHOWN]);

/*
 * "host[:port][/path]" or an http(s) URL, in the one form that all spellings of an endpoint share:
 * lower-case host, no scheme, no port 80 or 443 (whichever the scheme: TLS may end at a hop
 * between), no query, and "/" where there is no path. malloc'ed; NULL: not an endpoint, or memory
 * is short.
 */
char *url_normalise(const char *text);

#endif
