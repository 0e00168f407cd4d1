/* SPDX-License-Identifier: Apache-2.0 */
/* naming_runtime.c - what its runtime calls the container that a cgroup belongs to. */
#include "target/naming.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "target/container.h"

#define LABELS_SHOWN 4

static bool find(const char *root, const char *id, struct container *c)
{
	char why[256];

	return !container_find(root, id, c, why, sizeof(why));
}

/* The first cgroup on PATH that is a container's: its id, and in DIR where it lies. */
static const char *find_id(const char *path, char *dir, size_t dir_len)
{
	char name[NAME_MAX + 1];

	for (const char *at = path; *at == '/';) {
		size_t len = strcspn(at + 1, "/");

		snprintf(name, sizeof(name), "%.*s", (int)len, at + 1);
		if (container_id(name)) {
			snprintf(dir, dir_len, "%.*s", (int)(at - path), path);
			return at + 1 + (container_id(name) - name);
		}
		at += 1 + len;
	}
	return NULL;
}

/* The sandbox of the pod of C, which lies beside it in DIR. */
static bool find_sandbox(const char *root, const char *dir, const struct container *c,
			 struct container *out)
{
	const struct dirent *entry;
	DIR *d = opendir(dir);
	bool found = false;

	while (d && !found && (entry = readdir(d))) {
		const char *id = container_id(entry->d_name);

		if (!id || !find(root, id, out))
			continue;
		found = out->sandbox && !strcmp(out->uid, c->uid);
		if (!found)
			container_fini(out);
	}
	if (d)
		closedir(d);
	return found;
}

/* Labels that the next pod of the same kind will not have, or that every pod has. */
static bool is_passing(const char *key)
{
	static const char *const passing[] = {"pod-template-hash", "controller-revision-hash",
					      "pod-template-generation", "controller-uid",
					      "job-name"};
	static const char *const prefixes[] = {"io.kubernetes.", "io.cri-containerd.",
					       "statefulset.kubernetes.io/", "apps.kubernetes.io/",
					       "batch.kubernetes.io/"};

	for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++) {
		if (!strcmp(key, passing[i]))
			return true;
	}
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		if (!strncmp(key, prefixes[i], strlen(prefixes[i])))
			return true;
	}
	return false;
}

/* NAMESPACE/KEY=VALUE,...; by its name, where no label lasts. */
static void name_pod(const struct container *sandbox, struct naming *out)
{
	size_t used, shown = 0;

	out->kind = TARGET_POD;
	used = (size_t)snprintf(out->name, sizeof(out->name), "%s/", sandbox->namespace);
	for (size_t i = 0; i < sandbox->labels_len && shown < LABELS_SHOWN; i++) {
		const struct container_label *label = &sandbox->labels[i];

		if (is_passing(label->key) || used >= sizeof(out->name))
			continue;
		used += (size_t)snprintf(out->name + used, sizeof(out->name) - used, "%s%s=%s",
					 shown ? "," : "", label->key, label->value);
		shown++;
	}
	if (!shown)
		snprintf(out->name, sizeof(out->name), "%s/%s", sandbox->namespace, sandbox->name);
	snprintf(out->remark, sizeof(out->remark), "%s",
		 shown ? "" : "this pod by its name: it has no label that lasts");
}

void naming_look_up(const char *root, const char *mount, const char *path, struct naming *out)
{
	char below[PATH_MAX], dir[2 * PATH_MAX];
	const char *id = find_id(path, below, sizeof(below));
	struct container c, sandbox;

	/* A unit that runs a container makes it anew by itself. */
	if (out->kind == TARGET_UNIT || !id || !find(root, id, &c))
		return;
	snprintf(dir, sizeof(dir), "%s%s", mount, below);
	if (c.runtime != CONTAINER_POD) {
		out->kind = TARGET_CONTAINER;
		snprintf(out->name, sizeof(out->name), "%s", c.name);
		out->remark[0] = '\0';
	} else if (find_sandbox(root, dir, &c, &sandbox)) {
		name_pod(&sandbox, out);
		container_fini(&sandbox);
	}
	container_fini(&c);
}
