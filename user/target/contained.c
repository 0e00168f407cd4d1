/* SPDX-License-Identifier: Apache-2.0 */
#include "target/contained.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "config/text.h"
#include "config/traits.h"
#include "target/container.h"

#define OTHERS_MAX                                                                                 \
	1024 /* cgroups remembered as not meant; of more the oldest are looked up again */

struct contained {
	enum config_target_kind kind;
	const char *root;
	struct traits traits;
	ino_t others[OTHERS_MAX]; /* what is known to be of no interest; 0: room */
	size_t next;
	bool unsure;
	char trouble[256]; /* why a file could not be read; "": none */
};

int contained_new(enum config_target_kind kind, const char *text, const char *root,
		  struct contained **out, char *why, size_t why_len)
{
	char words[CONFIG_WHY] = "";
	struct contained *c = calloc(1, sizeof(*c));
	int err = c ? traits_parse(kind, text, &c->traits, words) : -ENOMEM;

	snprintf(why, why_len, "%s", words);
	if (err) {
		free(c);
		return err;
	}
	c->kind = kind;
	c->root = root;
	*out = c;
	return 0;
}

void contained_free(struct contained *c)
{
	if (!c)
		return;
	traits_fini(&c->traits);
	free(c);
}

static bool is_other(const struct contained *c, ino_t ino)
{
	for (size_t i = 0; i < OTHERS_MAX && c->others[i]; i++) {
		if (c->others[i] == ino)
			return true;
	}
	return false;
}

/* The kernel never uses the number of a cgroup again. */
static void remember_other(struct contained *c, ino_t ino)
{
	c->others[c->next] = ino;
	c->next = (c->next + 1) % OTHERS_MAX;
}

/* Whether DIR is the cgroup of the pod UID, in which systemd wants no dashes: "podUID",
 * "kubepods-burstable-podUID.slice". */
static bool is_cgroup_of_pod(const char *dir, const char *uid)
{
	const char *name = strrchr(dir, '/');
	char plain[64], dashless[64];

	if (!name || strlen(uid) >= sizeof(plain))
		return false;
	snprintf(plain, sizeof(plain), "%s", uid);
	snprintf(dashless, sizeof(dashless), "%s", uid);
	for (char *dash = dashless; (dash = strchr(dash, '-'));)
		*dash = '_';
	name = strstr(name, "pod");
	return name && *uid && (strstr(name, plain) || strstr(name, dashless));
}

static enum contained_match judge(const struct contained *c, const struct container *found,
				  const char *dir)
{
	bool pod = found->runtime == CONTAINER_POD;

	if (pod != (c->kind == TARGET_POD) || !container_has(found, &c->traits))
		return CONTAINED_NO;
	if (!pod)
		return CONTAINED_HIT;
	return found->sandbox && is_cgroup_of_pod(dir, found->uid) ? CONTAINED_ABOVE : CONTAINED_NO;
}

static enum contained_match look_up(struct contained *c, const char *dir, const char *id, ino_t ino)
{
	enum contained_match match;
	struct container found;
	char why[sizeof(c->trouble)];
	int err = container_find(c->root, id, &found, why, sizeof(why));

	if (err) {
		/* A runtime writes down what a container is called before it makes the cgroup. */
		c->unsure |= err == -EAGAIN;
		if (err != -ENOENT && err != -EAGAIN)
			snprintf(c->trouble, sizeof(c->trouble), "%s",
				 why[0] ? why : strerror(-err));
		return CONTAINED_NO;
	}
	c->trouble[0] = '\0';
	match = judge(c, &found, dir);
	container_fini(&found);
	if (match == CONTAINED_NO)
		remember_other(c, ino);
	return match;
}

enum contained_match contained_look(struct contained *c, const char *dir, const char *name)
{
	const char *id = container_id(name);
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (lstat(path, &st) || st.st_uid)
		return CONTAINED_NO;
	if (!id)
		return CONTAINED_WAY;
	return is_other(c, st.st_ino) ? CONTAINED_NO : look_up(c, dir, id, st.st_ino);
}

bool contained_is_unsure(struct contained *c)
{
	bool unsure = c->unsure;

	c->unsure = false;
	return unsure;
}

void contained_explain(const struct contained *c, char *why, size_t why_len)
{
	if (c->trouble[0])
		snprintf(why, why_len, "what containers are called is not known: %s", c->trouble);
	else if (c->kind == TARGET_POD)
		snprintf(why, why_len,
			 "no pod with this namespace and these labels runs here; `crictl pods` "
			 "lists them (those of CRI-O are named by `cgroup:`)");
	else
		snprintf(why, why_len,
			 "no such container of docker's, or of root's podman, runs here; `docker "
			 "ps` and `podman ps` list them");
}
