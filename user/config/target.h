/* SPDX-License-Identifier: Apache-2.0 */
/* target.h - what the operator wants to be observed. */
#ifndef TELLTALE_CONFIG_TARGET_H
#define TELLTALE_CONFIG_TARGET_H

#include <stdbool.h>

#define CONFIG_TARGETS_MAX 256

enum config_target_kind {
	TARGET_CGROUP,
	TARGET_PID,
	TARGET_UNIT,
	TARGET_CONTAINER,
	TARGET_POD,
	TARGET_EXECUTABLE,
	CONFIG_TARGET_KINDS
};

/* "cgroup", "pid", "unit", "container", "pod", "executable": the keys. */
extern const char *const config_target_kinds[];

struct config_target {
	enum config_target_kind kind;
	char *name; /* cgroup path (below the cgroup2 mount, or absolute; a part may be a pattern),
		     * pid in decimal, unit, traits (traits.h), or an
		     * absolute path */
	bool never_forwards; /* the operator says: it starts all its outgoing payments */
	unsigned line;       /* in the file; 0: from the command line */
};

#endif
