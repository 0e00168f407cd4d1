/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container.h - a container's id -> what its runtime calls it: name, image and labels, or the pod.
 *
 * Read from files that the runtimes keep for themselves. No runtime is asked, no socket is opened,
 * nothing is run. Each file must belong to root, or to this user, and be writable by nobody else;
 * what is read of it is bounded. What stands in it is not trusted: images bring labels along.
 *
 *   docker      /var/lib/docker/containers/ID/config.v2.json
 *   podman      the database of /var/lib/containers/storage/libpod up to podman 4; without labels
 *               the list of containers beside it
 *   containerd  its database, of the containers that a kubelet has it run
 */
#ifndef TELLTALE_CONTAINER_H
#define TELLTALE_CONTAINER_H

#include <stdbool.h>
#include <stddef.h>

#include "config/traits.h"

#define CONTAINER_ID 64 /* hexadecimal digits */

enum container_runtime { CONTAINER_DOCKER, CONTAINER_PODMAN, CONTAINER_POD };

struct container_label {
	char *key, *value;
};

/* What is not known is NULL. */
struct container {
	enum container_runtime runtime;
	char *name;  /* of CONTAINER_POD the pod's */
	char *image; /* as its user or the runtime wrote it */
	struct container_label *labels;
	size_t labels_len;
	/* Of CONTAINER_POD. */
	char *namespace, *uid;
	bool sandbox; /* holds the pod, and has the pod's labels; else one of its other containers
		       */
};

/* The id in the name of a container's cgroup, such as "docker-ID.scope"; NULL: it is none. The id
 * is CONTAINER_ID long and what follows is no part of it. */
const char *container_id(const char *cgroup);

/*
 * Looks ID up. ROOT is put before the files' paths; "" for this host's. 0: container_fini is due;
 * -ENOENT: no runtime knows it; -EAGAIN: ask again; else -errno, with a sentence in WHY.
 */
int container_find(const char *root, const char *id, struct container *out, char *why,
		   size_t why_len);
void container_fini(struct container *c);

/* Do all traits hold? */
bool container_has(const struct container *c, const struct traits *traits);

#endif
