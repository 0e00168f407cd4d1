/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper.h - the probe half: keeps the programs attached to the targets, and hands what they see to
 * the daemon half.
 *
 * It has the privileges, opens no socket but the one to the daemon half, and reads nothing that
 * comes from a network. It outlives daemon halves: the ring keeps what is seen meanwhile, for as
 * long as it has room (PROBE_RING_BYTES). What it attached outlives it where a service manager
 * keeps it for the next probe half (base/fdstore.h), until the service is stopped.
 */
#ifndef TELLTALE_KEEPER_H
#define TELLTALE_KEEPER_H

#include <sys/types.h>

struct config;

struct keeper_options {
	const struct config *config;
	/* Either a daemon half that was started together with this one: the socket to it, which is
	 * taken over, and its process number ... */
	int link;
	pid_t daemon;
	/* ... or a path where daemon halves of USER, of root or of this user find it. */
	const char *socket;
	uid_t user;
	/* Reads the configuration again (SIGHUP, or where consent is asked for): the caller's, or
	 * NULL, which has been logged. */
	struct config *(*load)(void *context);
	void *load_context;
};

/* The next probe half is to be started, unless this one was stopped for good: what is attached
 * waits for it. */
#define KEEPER_AGAIN 1

/* Runs until SIGTERM or SIGINT, until the configuration takes its consent back (SIGHUP), or until
 * the daemon half that was started with it has ended. Then nothing is attached any more, but for
 * what the service manager keeps. 0, KEEPER_AGAIN, or -errno; what went wrong has been logged. */
int keeper_run(const struct keeper_options *options);

#endif
