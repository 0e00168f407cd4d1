/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pprof.h - stacks -> a file for pprof and what reads its files: protobuf, gzip.
 *
 * Each stack has two values: how many samples, and nanoseconds on a CPU. Functions of JavaScript
 * have their file and first line, and each place in them its own line.
 */
#ifndef TELLTALE_PPROF_H
#define TELLTALE_PPROF_H

#include <stdint.h>

#include "profile/held.h"

struct pprof_session {
	uint64_t ns;        /* how long it took */
	uint64_t period_ns; /* between two samples */
	int64_t wall_ns;    /* when it began, since 1970 */
};

/* Writes to FD, which stays open. 0 or -errno. */
int pprof_write(const struct held *held, const struct pprof_session *session, int fd);

#endif
