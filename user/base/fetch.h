/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fetch.h - one document from a file at once, or from an http(s) URL without ever blocking.
 *
 * A fetch is started, stepped until it ends, and freed. It is bounded in bytes and in time, follows
 * at most three redirects (never from https to http), and takes nothing but status 200. Sentences
 * in WHY name no URL: it may hold a key.
 */
#ifndef TELLTALE_FETCH_H
#define TELLTALE_FETCH_H

#include <stddef.h>

struct fetch;

/* URL with ?base=BASE appended to its query, unless it already asks for a base; malloc'ed. NULL:
 * not an http(s) URL, or out of memory. */
char *fetch_url_with_base(const char *url, const char *base);

/* The path in a file: URL, percent-decoded, malloc'ed; NULL: not one, or out of memory. */
char *fetch_path_of_url(const char *url);

/* What people may read of a URL or a path, malloc'ed: a query is "?...", a user or password "...".
 * NULL: out of memory. */
char *fetch_location_shown(const char *location);

/* Makes libcurl ready; what is below does so by itself. */
void fetch_begin(void);

/* Starts a GET of at most MAX bytes within TIMEOUT_MS. 0, or -errno with a sentence in WHY. */
int fetch_start(const char *url, size_t max, unsigned timeout_ms, struct fetch **out, char *why,
		size_t why_len);
/*
 * Does what can be done now. -EAGAIN: not at its end yet. 0: *BODY is its *LEN bytes, which live as
 * long as F. Any other -errno: it failed, with a sentence in WHY.
 */
int fetch_step(struct fetch *f, const char **body, size_t *len, char *why, size_t why_len);
/* Waits until a step may achieve something, TIMEOUT_MS at most: for commands. */
void fetch_wait(struct fetch *f, unsigned timeout_ms);
void fetch_free(struct fetch *f); /* gives up what is under way; accepts NULL */

/* The regular file at PATH, whole, if it has at most MAX bytes; malloc'ed. 0, or -errno with a
 * sentence in WHY. */
int fetch_file(const char *path, size_t max, char **body, size_t *len, char *why, size_t why_len);

#endif
