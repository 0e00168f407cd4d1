/* SPDX-License-Identifier: Apache-2.0 */
/*
 * page.h - what the daemon serves over HTTP: the local page (/), the JSON data that it shows, and
 * /metrics (Prometheus text format) from the last snapshot. On a Unix socket for root alone it
 * answers the commands that ask a running daemon.
 *
 * Who gets an answer depends on where it listens. On loopback: everybody on this host whose Host
 * header names loopback (another site that points its own name here sends that name instead). With
 * a token: everybody who shows it, as a bearer token or as the password of HTTP's basic scheme. On
 * a Unix socket: everybody who may open the file. No answer grants other sites access (CORS).
 * /healthz and /readyz say "ok" or what is wrong, and no figure, to everybody.
 *
 * It runs inside the caller's loop: page_fds gives descriptors to poll, page_run does the pending
 * work without blocking.
 */
#ifndef TELLTALE_PAGE_H
#define TELLTALE_PAGE_H

#include <stddef.h>
#include <stdint.h>

#include "release/released.h"

struct page;

/* The answer to a GET on the control socket: malloc'ed JSON text, or NULL for 404. */
typedef char *page_control(void *context, const char *path);
/* The page's data: malloc'ed text for PATH (CSV if that ends so, else JSON), or NULL for 404.
 * WINDOW and VIEW are the query's arguments of these names; NULL: not given. */
typedef char *page_data(void *context, const char *path, const char *window, const char *view);

struct page_options {
	/* "address:port" or "unix:/path"; NULL: neither the page nor /metrics is served. An address
	 * that is not loopback needs a token. */
	const char *listen;
	const char *token; /* NULL: no token is needed */
	/* The Unix socket to make (NULL: none). A socket that nobody listens on is
	 * replaced; when somebody does, page_start returns -EADDRINUSE. */
	const char *control_path;
	/* The group whose members may open the Unix sockets beside their owner (mode 0660); NULL:
	 * the owner alone. */
	const char *group;
	page_control *control;
	page_data *data; /* NULL: there is none */
	void *context;   /* of both */
	/* How old the snapshot may be, in ms, before /healthz says that the daemon stands still; 0:
	 * as old as it may. */
	int64_t stale_ms;
	/* How long a client may take for a request and its answer, in ms; 0: half a minute. */
	int64_t request_ms;
};

/* OPTIONS and its strings must outlive the page. 0 or -errno, with a sentence in WHY. */
int page_start(const struct page_options *options, struct page **out, char *why, size_t why_len);
/* Replaces the snapshot that is served; takes a reference of its own. */
void page_post(struct page *p, struct released *snapshot);
/* Sets lines of comment for people (each "# ...\n"), which follow the snapshot on /metrics. NOTES
 * is malloc'ed and taken over. NULL: none. */
void page_set_notes(struct page *p, char *notes);
/* Up to MAX epoll descriptors that become readable when page_run has something to do. */
size_t page_fds(const struct page *p, int *fds, size_t max);
/* Does the pending work. Returns after how many ms at most to call it again; -1: no limit. */
int page_run(struct page *p);
void page_stop(struct page *p); /* removes the sockets; accepts NULL */

/* SNAPSHOT in the Prometheus text exposition format 0.0.4: malloc'ed text of *LEN bytes, not
 * counting the final NUL. NULL when memory is short.
 */
char *page_prometheus_text(const struct released *snapshot, size_t *len);

#endif
