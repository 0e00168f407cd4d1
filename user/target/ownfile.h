/* SPDX-License-Identifier: Apache-2.0 */
/* ownfile.h - opens a file that only root, or this user, can have written. */
#ifndef TELLTALE_OWNFILE_H
#define TELLTALE_OWNFILE_H

#include <stddef.h>

/*
 * Opens the path that FORMAT makes for reading; no symbolic link in its last part is followed. The
 * descriptor, or -errno: -ENOENT: there is no such file, and else with a sentence in WHY; -EACCES:
 * others may write it, or this user may not read it.
 */
int ownfile_open(char *why, size_t why_len, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Opens and reads the path: *TEXT is malloc'ed with a NUL after its *LEN bytes. 0, -E2BIG when it
 * is longer than MAX, or as ownfile_open. */
int ownfile_read(const char *path, size_t max, char **text, size_t *len, char *why, size_t why_len);

#endif
