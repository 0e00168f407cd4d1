/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon.h - the daemon half: owns every stage from the ring on, and the event loop that moves data
 * through them.
 *
 * It has no privilege: what is in the ring, and how targets and processes do, it learns from the
 * probe half (halves/view.h). One thread owns everything from the ring to the release; the exporter
 * has its own. Records are read on a timer; the ring calls only when it is filling faster than
 * that.
 */
#ifndef TELLTALE_DAEMON_H
#define TELLTALE_DAEMON_H

#include <sys/types.h>

struct config;

struct daemon_options {
	const struct config *config;
	const char *truth_path; /* exact totals for tests and the demonstration; NULL: none */
	/* Either the socket to a probe half that was started together with this one, which is taken
	 * over: signals but SIGHUP are the probe half's, and it says when to end ... */
	int link;
	/* ... or the path where a probe half of USER, of root or of this user is found. */
	const char *socket;
	uid_t user;
	/* Reads the configuration again, for SIGHUP and at the end: a new one for config_free, or
	 * NULL after printing what is wrong with it. */
	struct config *(*load)(void *context);
	void *load_context;
};

/* Runs until the probe half ends or, where it was not started together with it, until SIGTERM or
 * SIGINT; then flushes, within five seconds, unless consent was taken back meanwhile: then nothing
 * more is sent. SIGHUP: reload.h. 0 or -errno; what went wrong has been logged. */
int daemon_run(const struct daemon_options *options);

#endif
