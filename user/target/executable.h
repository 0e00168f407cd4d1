/* SPDX-License-Identifier: Apache-2.0 */
/*
 * executable.h - which cgroups hold processes of one program of the host, and nothing else.
 *
 * Only cgroups that belong to root count: any user can run the program in a cgroup of their own. A
 * program of the same path inside a container is another one.
 */
#ifndef TELLTALE_EXECUTABLE_H
#define TELLTALE_EXECUTABLE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

struct executable {
	const char *name;    /* the path as configured; borrowed */
	char path[PATH_MAX]; /* without symbolic links; the same as NAME while there is no such file
			      */
};

/* Follows the symbolic links anew: an upgrade may have changed where they lead. */
void executable_refresh(struct executable *e);

enum executable_match {
	EXECUTABLE_NO,    /* runs here nowhere, or the cgroup is not root's */
	EXECUTABLE_BELOW, /* there is no process in the cgroup itself, and it runs below */
	EXECUTABLE_ONLY,  /* all processes in the cgroup and below it run it, and one at least does
			   */
	EXECUTABLE_EMPTY, /* there is no process */
	EXECUTABLE_MIXED, /* it runs there, and so does something else */
};

/* What runs in the cgroup at PATH and below it. */
enum executable_match executable_look(const struct executable *e, const char *path);

#endif
