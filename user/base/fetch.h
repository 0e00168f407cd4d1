/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fetch.h - reads one document: from a file in one call, or from an http(s) URL without blocking.
 *
 * A fetch is started, stepped until it ends, and freed. Its size and its time are limited. It
 * follows at most three redirects, never from https to http, and accepts only status 200. The
 * sentences in WHY never name the URL, because a URL may hold a key.
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

/* A URL or a path as a message may show it, malloc'ed: "?..." replaces a query, "..." replaces a
 * user or password. NULL: out of memory. */
char *fetch_location_shown(const char *location);

/* Makes EASY, a CURL handle, reach URL through the proxy of the environment, by the rule of
 * proxy.h; a redirect to loopback is followed without it. 0, or the error of libcurl. */
int fetch_set_proxy(void *easy, const char *url);

/* Initialises libcurl. The functions below do this themselves. */
void fetch_begin(void);

/* Starts a GET of at most MAX bytes within TIMEOUT_MS. 0, or -errno with a sentence in WHY. */
int fetch_start(const char *url, size_t max, unsigned timeout_ms, struct fetch **out, char *why,
		size_t why_len);
/*
 * Does what can be done now without waiting. -EAGAIN: the fetch has not ended yet. 0: *BODY points
 * to *LEN bytes, which live as long as F. Any other -errno: it failed, with a sentence in WHY.
 */
int fetch_step(struct fetch *f, const char **body, size_t *len, char *why, size_t why_len);
/* Waits until the next step can make progress, at most TIMEOUT_MS. For commands that may block. */
void fetch_wait(struct fetch *f, unsigned timeout_ms);
void fetch_free(struct fetch *f); /* cancels a fetch that has not ended; accepts NULL */

/* Reads the whole regular file at PATH, which may have at most MAX bytes. *BODY is malloc'ed. 0, or
 * -errno with a sentence in WHY. */
int fetch_file(const char *path, size_t max, char **body, size_t *len, char *why, size_t why_len);

#endif
