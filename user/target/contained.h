/* SPDX-License-Identifier: Apache-2.0 */
/*
 * contained.h - which cgroups are those of the containers, or of the pods, that a target means.
 *
 * A container's cgroup has its id in its name, wherever it lies, and the id leads to what the
 * container is called (container.h). Only cgroups that belong to root are looked at, and none
 * inside a container: whoever may make cgroups there, or in a delegated part of the hierarchy,
 * could give one any name.
 *
 * A pod is meant by its own cgroup, above those of its containers: one that is restarted in it gets
 * another cgroup there. Its sandbox, which the kubelet starts first, has the pod's labels.
 */
#ifndef TELLTALE_CONTAINED_H
#define TELLTALE_CONTAINED_H

#include <stdbool.h>
#include <stddef.h>

#include "config/target.h"

struct contained;

/* KIND is CONTAINER or POD, and TEXT the traits; ROOT is put before the paths of the runtimes'
 * files. Both are borrowed. 0, or -errno with a sentence in WHY. */
int contained_new(enum config_target_kind kind, const char *text, const char *root,
		  struct contained **out, char *why, size_t why_len);
void contained_free(struct contained *c); /* accepts NULL */

enum contained_match {
	CONTAINED_NO,
	CONTAINED_WAY,   /* no container; there may be some below it */
	CONTAINED_HIT,   /* is meant */
	CONTAINED_ABOVE, /* the cgroup that it lies in is meant: that of a pod */
};

/* What the cgroup NAME in DIR is. */
enum contained_match contained_look(struct contained *c, const char *dir, const char *name);
/* Has a look failed that may not fail the next time? The answer is for the looks since the last
 * call. */
bool contained_is_unsure(struct contained *c);

/* Why nothing was found, for people. */
void contained_explain(const struct contained *c, char *why, size_t why_len);

#endif
