/* SPDX-License-Identifier: Apache-2.0 */
/* archive.h - writes a gzipped tar archive of texts. */
#ifndef TELLTALE_CMD_ARCHIVE_H
#define TELLTALE_CMD_ARCHIVE_H

#include <stddef.h>

struct archive;

/* Makes the file PATH, which must not be there, for its owner alone; what is in the archive lies in
 * the folder FOLDER, which outlives it. 0 or -errno. */
int archive_open(const char *path, const char *folder, struct archive **out);
/* 0 or -errno. NAME and the folder's have 90 bytes together at most. */
int archive_add(struct archive *a, const char *name, const char *text, size_t len);
/* 0, or -errno when not all of it could be written. Accepts NULL. */
int archive_close(struct archive *a);

#endif
