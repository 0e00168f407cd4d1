/* SPDX-License-Identifier: Apache-2.0 */
/*
 * page.h - what the daemon serves over HTTP: /metrics (Prometheus text format) from the last
 * snapshot on loopback, and on a root-only Unix socket what the commands ask a running daemon.
 *
 * It runs inside the caller's event loop: page_fds gives descriptors to poll, page_run does the
 * work that is due without blocking.
 */
#ifndef TELLTALE_PAGE_H
#define TELLTALE_PAGE_H

#include <stddef.h>
#include <stdint.h>

#include "released.h"

struct page;

/* The answer to a GET on the control socket: malloc'ed JSON text, or NULL for 404. */
typedef char *page_control(void *context, const char *path);

/*
 * LISTEN is "address:port" (address a loopback one; NULL: no /metrics). CONTROL_PATH is the Unix
 * socket to make, mode 0600 (NULL: none); a stale one is replaced, a live one is -EADDRINUSE.
 * 0 or -errno, with a sentence in WHY.
 */
int page_start(const char *listen, const char *control_path, page_control *control, void *context,
	       struct page **out, char *why, size_t why_len);
/* Replaces the snapshot that is served; takes a reference of its own. */
void page_post(struct page *p, struct released *snapshot);
/* Lines of comment (each "# ...\n") for people, after the snapshot on /metrics; malloc'ed, taken
 * over. NULL: none. */
void page_set_notes(struct page *p, char *notes);
/* Up to MAX epoll descriptors that become readable when page_run has something to do. */
size_t page_fds(const struct page *p, int *fds, size_t max);
/* Does what is due; returns the ms after which it wants to be called again, -1 for no limit. */
int page_run(struct page *p);
void page_stop(struct page *p); /* removes the socket; accepts NULL */

/* SNAPSHOT in the Prometheus text exposition format 0.0.4; malloc'ed, *LEN without the final NUL.
 */
char *page_prometheus_text(const struct released *snapshot, size_t *len);

#endif
