/* SPDX-License-Identifier: Apache-2.0 */
#include "profile/dependencies.h"

#include <errno.h>
#include <string.h>

/* The number of NAME; 0: there is no room. */
static unsigned class_of(struct dependencies *d, const char *name)
{
	for (unsigned i = 1; i <= TAPE_CLASSES_MAX; i++) {
		if (!d->names[i])
			d->names[i] = name;
		if (!strcmp(d->names[i], name))
			return i;
	}
	return 0;
}

int dependencies_add(struct dependencies *d, const char *name, uint16_t port)
{
	unsigned class;

	if (d->ports_len == DEPENDENCIES_PORTS_MAX)
		return -ENOSPC;
	class = class_of(d, name);
	if (!class)
		return -ENOSPC;
	d->ports[d->ports_len++] = (struct dependency_port){port, (uint8_t) class};
	return 0;
}

void dependencies_init(struct dependencies *d)
{
	*d = (struct dependencies){0};
	dependencies_add(d, "postgresql", 5432);
	dependencies_add(d, "redis", 6379);
}
