/* SPDX-License-Identifier: Apache-2.0 */
/*
 * naming.h - a cgroup that was found -> how the configuration would name it as a target: the other
 * way round than selector.h.
 *
 * A service is named as a unit, since its cgroup may move. A container of docker's or podman's is
 * named as these call it, and one of a pod by the pod, because one that is made anew gets another
 * cgroup. Everything else is named by its path.
 */
#ifndef TELLTALE_TARGET_NAMING_H
#define TELLTALE_TARGET_NAMING_H

#include <limits.h>

#include "config/target.h"

struct naming {
	enum config_target_kind kind;
	char name[PATH_MAX];
	/* What that is where the name does not say it, such as "docker container 0123456789ab" or
	 * "a login session, until it ends"; "": nothing to add. */
	char remark[96];
};

/* PATH is below the mount of cgroup v2 and begins with /. What it says by itself. */
void naming_of(const char *path, struct naming *out);

/* Looks up what the runtime calls the container that PATH lies in (container.h: ROOT), and names it
 * by that. Where that is not known, OUT, which naming_of has filled, stays as it is. */
void naming_look_up(const char *root, const char *mount, const char *path, struct naming *out);

#endif
