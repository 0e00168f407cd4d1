/* SPDX-License-Identifier: Apache-2.0 */
/*
 * naming.h - a cgroup that was found -> how the configuration would name it as a target: the other
 * way round than selector.h.
 *
 * A service is named as a unit, since its cgroup may move. A container of a pod is named by its
 * pod, because a container that is restarted there gets another cgroup. Everything else is named by
 * its path.
 */
#ifndef TELLTALE_TARGET_NAMING_H
#define TELLTALE_TARGET_NAMING_H

#include <limits.h>

#include "config/target.h"

struct naming {
	enum config_target_kind kind; /* UNIT or CGROUP */
	char name[PATH_MAX];
	/* What that is where the name does not say it, such as "docker container 0123456789ab" or
	 * "a login session, until it ends"; "": nothing to add. */
	char remark[96];
};

/* PATH is below the mount of cgroup v2 and begins with /. */
void naming_of(const char *path, struct naming *out);

#endif
