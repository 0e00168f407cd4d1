/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tlslib.h - a process -> the files in it that hold OpenSSL's functions, and where.
 *
 * Looked at: the program itself (Node.js carries OpenSSL and exports its symbols) and mapped files
 * whose name has "ssl" or "node" in it (libssl.so.3, libnode.so). The file is reached through the
 * process's own root, so a container's copy is the container's; mapfiles.h and elffile.h say what
 * bounds the work.
 */
#ifndef TELLTALE_TLSLIB_H
#define TELLTALE_TLSLIB_H

#include <stddef.h>
#include <sys/types.h>

#include "tap/probe.h"

#define TLSLIB_MAX 4 /* libraries of one process that are looked at */

struct tlslib {
	int fd;        /* of the file */
	char path[32]; /* names that very file, as long as FD is open */
	dev_t dev;
	ino_t ino;
	struct probe_tls_offsets offsets;
};

/* Remembers what files hold, by inode, so that each is read once. */
struct tlslib_cache;

struct tlslib_cache *tlslib_cache_new(void);
void tlslib_cache_free(struct tlslib_cache *c);

/* The libraries of process PID, at most MAX; returns how many, or -errno when the process cannot be
 * looked at (-EACCES: CAP_SYS_PTRACE is missing; -ESTALE: none was found, but there is one that is
 * no longer on disk, as after an upgrade, and what the process has mapped takes
 * CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN to reach; -E2BIG: none was found in as much of what it
 * has mapped as is looked at; -EAGAIN: UNTIL_NS, by CLOCK_MONOTONIC, came before all files were
 * read, and the next call goes on from there). What was found is to be given to tlslib_release. */
int tlslib_find(struct tlslib_cache *c, pid_t pid, struct tlslib *out, size_t max,
		uint64_t until_ns);
void tlslib_release(struct tlslib *libs, size_t len);

#endif
