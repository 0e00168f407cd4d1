/* SPDX-License-Identifier: Apache-2.0 */
/*
 * confine.h - what the daemon half can still do when it begins to read what comes from a network:
 * its own files, the files that names and certificates are looked up in, and sockets.
 */
#ifndef TELLTALE_CONFINE_H
#define TELLTALE_CONFINE_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/daemon.h"

/* For the calling thread and those that it starts. 0 or -errno, logged. */
int confine(const struct daemon_options *options);

/* After that: may every file that C names be opened? False with the path of one in WHICH that may
 * not: its directory was not named when this process was confined. A file that cannot be read for
 * another reason is not judged here. */
bool confine_allows(const struct config *c, char *which, size_t which_len);

#endif
