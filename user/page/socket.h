/* SPDX-License-Identifier: Apache-2.0 */
/* socket.h - the two sockets that the page is served on. */
#ifndef TELLTALE_PAGE_SOCKET_H
#define TELLTALE_PAGE_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/* The path in "unix:/path"; NULL: not of that form. */
const char *page_unix_path(const char *listen_at);

/* Listens on "address:port" ("[::1]:9464", "localhost:9464"). Unless ANYWHERE, the address must be
 * loopback. Returns a non-blocking descriptor, or -errno with a sentence in WHY. */
int page_listen_inet(const char *listen_at, bool anywhere, char *why, size_t why_len);

/* *GROUP is the group called NAME, which may be a number. 0, or -errno with a sentence in WHY:
 * -ENOENT when there is no such group. */
int page_group_find(const char *name, gid_t *group, char *why, size_t why_len);

/* Listens on a Unix socket at PATH, which nobody but its owner can open at any moment; with GROUP,
 * the members of *GROUP can too (mode 0660, else 0600). Makes its directory (mode 0755) and
 * replaces a socket that nobody listens on. Returns a non-blocking descriptor, and in *MADE the
 * identity of the file. On error returns -errno, with a sentence in WHY that names KEY
 * as the key to change in the configuration; -EADDRINUSE: another process answers there. */
int page_listen_unix(const char *path, const char *key, const gid_t *group, struct stat *made,
		     char *why, size_t why_len);
/* Removes the file, unless another process has replaced it. */
void page_unlink_unix(const char *path, const struct stat *made);

#endif
