/* SPDX-License-Identifier: Apache-2.0 */
/* writers.h - who may change a file: whoever can, decides in this host's name what it says. */
#ifndef TELLTALE_CONFIG_WRITERS_H
#define TELLTALE_CONFIG_WRITERS_H

#include <stdbool.h>
#include <stddef.h>

/* Whether anybody but root and this process's user can write the file PATH, or put another in its
 * place because they can write a directory above it. Then WHY has "what; fix". A file that is not
 * there, or no regular one: false. */
bool config_others_write(const char *path, char *why, size_t why_len);

#endif
