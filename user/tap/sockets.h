/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sockets.h - a socket that was seen to carry what the tap cannot read -> the process that owns it,
 * and its role.
 *
 * The socket tap knows addresses, not processes. The owner is found in /proc, in the network
 * namespace of the target's own processes.
 */
#ifndef TELLTALE_SOCKETS_H
#define TELLTALE_SOCKETS_H

#include "bpf/record.h"
#include "tap/processes.h"

enum sockets_verdict {
	SOCKETS_READ,       /* its owner's TLS library is tapped, or that of all candidates; of an
			     * accepted connection that is gone the listener's owner stands for it */
	SOCKETS_NO_LIBRARY, /* its owner has none that can be read */
	SOCKETS_UNATTACHED, /* its owner has one that could not be attached to */
	SOCKETS_SPARED,     /* its owner is one that the kernel would harm: see processes.h */
	SOCKETS_UNKNOWN,    /* no owner was found any more */
};

struct sockets_owner {
	enum sockets_verdict verdict;
	pid_t pid; /* 0: not found */
	char program[32];
	enum record_role role; /* the record's, or, where that says nothing and the verdict is not
				* READ, found from who listens on the port */
};

/* What is looked for in the kernel's tables of sockets, and what was found so far. */
struct sockets_match {
	const struct record_remote *remote;
	unsigned long inode;    /* of the socket; 0: not found, or it has no owner any more */
	unsigned long listener; /* of one that listens on the local port; 0: none does */
};

/* Takes one line of /proc/net/tcp or tcp6 into account. */
void sockets_line(struct sockets_match *m, const char *line);

/* Whose TLS it is, and whether that is read. REMOTE: the two ends, as a record has them. ROLE: what
 * the record knows of it. */
struct sockets_owner sockets_find(const struct processes *ps, unsigned target,
				  const struct record_remote *remote, enum record_role role);

#endif
