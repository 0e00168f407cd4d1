/* SPDX-License-Identifier: Apache-2.0 */
/* page_socket.h - the two sockets that the page is served on. */
#ifndef TELLTALE_PAGE_SOCKET_H
#define TELLTALE_PAGE_SOCKET_H

#include <stddef.h>
#include <sys/stat.h>

/* Listens on "address:port" of a loopback interface ("[::1]:9464", "localhost:9464"). A
 * non-blocking descriptor, or -errno with a sentence in WHY. */
int page_listen_loopback(const char *listen_at, char *why, size_t why_len);

/* Listens on a Unix socket at PATH, mode 0600 from its first moment; makes its directory (0755),
 * replaces a socket that nobody listens on. A non-blocking descriptor, or -errno with a sentence in
 * WHY: -EADDRINUSE when another process answers there. *MADE identifies the file. */
int page_listen_unix(const char *path, struct stat *made, char *why, size_t why_len);
/* Removes the file, unless it has become someone else's. */
void page_unlink_unix(const char *path, const struct stat *made);

#endif
