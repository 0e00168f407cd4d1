/* SPDX-License-Identifier: Apache-2.0 */
/* file.h - puts another content into the configuration file. */
#ifndef TELLTALE_CONFIG_FILE_H
#define TELLTALE_CONFIG_FILE_H

#include <stddef.h>

/*
 * Replaces the content of the file PATH by TEXT, of LEN bytes, as a whole or not at all; links are
 * followed. Owner, group and mode stay. A new file, and its directory, which may be missing, can be
 * read by root and the group telltale, if there is one, and by nobody else. 0 or -errno.
 */
int config_file_write(const char *path, const char *text, size_t len);

#endif
