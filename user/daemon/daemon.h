/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon.h - the running probe: owns every stage and the event loop that moves data through them.
 *
 * One thread owns everything from the ring to the release; the exporter has its own. Records are
 * read on a timer; the ring calls only when it is filling faster than that.
 */
#ifndef TELLTALE_DAEMON_H
#define TELLTALE_DAEMON_H

struct config;

struct daemon_options {
	const struct config *config;
	const char *truth_path; /* exact totals for tests and the demonstration; NULL: none */
	/* Reads the configuration again, for SIGHUP: a new one for config_free, or NULL after
	 * printing what is wrong with it. */
	struct config *(*load)(void *context);
	void *load_context;
};

/* Runs until SIGTERM or SIGINT, then flushes, within five seconds. SIGHUP: reload.h. 0 or -errno;
 * what went wrong has been logged. */
int daemon_run(const struct daemon_options *options);

#endif
