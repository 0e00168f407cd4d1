/* SPDX-License-Identifier: Apache-2.0 */
/*
 * confine.h - what the daemon half can still do when it begins to read what comes from a network:
 * its own files, the files that names and certificates are looked up in, and sockets.
 */
#ifndef TELLTALE_CONFINE_H
#define TELLTALE_CONFINE_H

#include "daemon/daemon.h"

/* For the calling thread and those that it starts. 0 or -errno, logged. */
int confine(const struct daemon_options *options);

#endif
