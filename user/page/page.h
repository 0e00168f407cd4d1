/* SPDX-License-Identifier: Apache-2.0 */
/*
 * page.h - what the daemon serves over HTTP: the local page (/), the JSON it is drawn from, and
 * /metrics (Prometheus text format) from the last snapshot; and on a root-only Unix socket what
 * the commands ask a running daemon.
 *
 * Who may ask: where it listens on loopback, whoever is on the host and names the host as a
 * loopback one (a page of another site that points its name here names another); with a token,
 * whoever shows it, as a bearer token or as the password of HTTP's basic scheme; on a Unix socket,
 * whoever may open the file. No answer allows another site anything (CORS).
 *
 * It runs inside the caller's loop: page_fds gives descriptors to poll, page_run does the work
 * that is due without blocking.
 */
#ifndef TELLTALE_PAGE_H
#define TELLTALE_PAGE_H

#include <stddef.h>
#include <stdint.h>

#include "release/released.h"

struct page;

/* The answer to a GET on the control socket: malloc'ed JSON text, or NULL for 404. */
typedef char *page_control(void *context, const char *path);
/* What stands behind the page: malloc'ed JSON text for PATH, or NULL for 404. WINDOW and VIEW are
 * the query's arguments of these names; NULL: not given. */
typedef char *page_data(void *context, const char *path, const char *window, const char *view);

struct page_options {
	/* "address:port", "unix:/path"; NULL: neither the page nor /metrics. Any other address than
	 * a loopback one needs a token. */
	const char *listen;
	const char *token; /* NULL: none is asked for */
	/* The Unix socket to make, mode 0600 (NULL: none); a stale one is replaced, a live one is
	 * -EADDRINUSE. */
	const char *control_path;
	page_control *control;
	page_data *data; /* NULL: there is none */
	void *context;   /* of both */
	/* How long a client may take for a request and its answer; 0: half a minute. */
	int64_t request_ms;
};

/* OPTIONS and its strings must outlive the page. 0 or -errno, with a sentence in WHY. */
int page_start(const struct page_options *options, struct page **out, char *why, size_t why_len);
/* Replaces the snapshot that is served; takes a reference of its own. */
void page_post(struct page *p, struct released *snapshot);
/* Lines of comment (each "# ...\n") for people, after the snapshot on /metrics; malloc'ed, taken
 * over. NULL: none. */
void page_set_notes(struct page *p, char *notes);
/* Up to MAX epoll descriptors that become readable when page_run has something to do. */
size_t page_fds(const struct page *p, int *fds, size_t max);
/* Does what is due; returns the ms after which it wants to be called again, -1 for no limit. */
int page_run(struct page *p);
void page_stop(struct page *p); /* removes the sockets; accepts NULL */

/* SNAPSHOT in the Prometheus text exposition format 0.0.4; malloc'ed, *LEN without the final NUL.
 */
char *page_prometheus_text(const struct released *snapshot, size_t *len);

#endif
