/* SPDX-License-Identifier: Apache-2.0 */
/* dependencies.h - the servers that a connector asks, as databases and caches: their names, and the
 * TCP ports that they are known by. */
#ifndef TELLTALE_DEPENDENCIES_H
#define TELLTALE_DEPENDENCIES_H

#include <stddef.h>
#include <stdint.h>

#include "bpf/tape.h"

#define DEPENDENCIES_PORTS_MAX 32

struct dependency_port {
	uint16_t port;
	uint8_t class; /* from 1 to TAPE_CLASSES_MAX */
};

struct dependencies {
	const char *names[TAPE_CLASSES_MAX + 1]; /* by class; borrowed; NULL: none */
	struct dependency_port ports[DEPENDENCIES_PORTS_MAX];
	size_t ports_len;
};

/* D is postgresql=5432 and redis=6379. */
void dependencies_init(struct dependencies *d);
/* What listens on PORT is called NAME, which is borrowed, from now on. 0 or -ENOSPC: there are more
 * than TAPE_CLASSES_MAX names or DEPENDENCIES_PORTS_MAX ports. */
int dependencies_add(struct dependencies *d, const char *name, uint16_t port);

#endif
