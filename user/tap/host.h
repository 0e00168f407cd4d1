/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host.h - what this host's kernel and set-up allow: one look each, with the fix.
 */
#ifndef TELLTALE_HOST_H
#define TELLTALE_HOST_H

#include <stdbool.h>
#include <stddef.h>

enum host_verdict { HOST_OK, HOST_WARN, HOST_FAIL };

struct host_check {
	const char *name;
	/* Writes what was found, and the fix where there is one. */
	enum host_verdict (*look)(char *words, size_t len);
};

/* Whether `run` has what it cannot start without; else WHY names what is missing and the fix. */
bool host_may_start(char *why, size_t why_len);

extern const struct host_check host_checks[];
extern const size_t host_checks_len;

#endif
