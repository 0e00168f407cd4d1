/* SPDX-License-Identifier: Apache-2.0 */
#include "target/container.h"

#include <errno.h>
#include <fnmatch.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "target/bolt.h"
#include "target/ownfile.h"

#define FILE_MAX_BYTES (1u << 20)
#define JSON_DEPTH     32
#define LABELS_MAX     4096
#define ID_DIGIT       "0123456789abcdef"

#define LIBPOD "/var/lib/containers/storage"

static const char *const containerd_databases[] = {
	"/var/lib/containerd/io.containerd.metadata.v1.bolt/meta.db",
	/* k3s and RKE2 bring a containerd of their own. */
	"/var/lib/rancher/k3s/agent/containerd/io.containerd.metadata.v1.bolt/meta.db",
	"/var/lib/rancher/rke2/agent/containerd/io.containerd.metadata.v1.bolt/meta.db",
};

/* --- the id ----------------------------------------------------------------------------------- */

const char *container_id(const char *cgroup)
{
	static const char *const prefixes[] = {"docker-", "libpod-payload-", "libpod-",
					       "cri-containerd-", "crio-"};
	const char *id = cgroup;

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]) && id == cgroup; i++) {
		if (!strncmp(cgroup, prefixes[i], strlen(prefixes[i])))
			id = cgroup + strlen(prefixes[i]);
	}
	if (strspn(id, ID_DIGIT) != CONTAINER_ID)
		return NULL;
	return !id[CONTAINER_ID] || !strcmp(id + CONTAINER_ID, ".scope") ? id : NULL;
}

/* --- a container ------------------------------------------------------------------------------ */

void container_fini(struct container *c)
{
	for (size_t i = 0; i < c->labels_len; i++) {
		free(c->labels[i].key);
		free(c->labels[i].value);
	}
	free(c->labels);
	free(c->name);
	free(c->image);
	free(c->namespace);
	free(c->uid);
	memset(c, 0, sizeof(*c));
}

/* Of more than LABELS_MAX the others are left out. */
static int keep_label(struct container *c, const char *key, size_t key_len, const char *value,
		      size_t value_len)
{
	struct container_label *more, *label;

	if (c->labels_len == LABELS_MAX)
		return 0;
	if (!(c->labels_len & (c->labels_len - 1))) {
		size_t room = c->labels_len ? 2 * c->labels_len : 1;

		more = realloc(c->labels, room * sizeof(*more));
		if (!more)
			return -ENOMEM;
		c->labels = more;
	}
	label = &c->labels[c->labels_len];
	label->key = strndup(key, key_len);
	label->value = strndup(value, value_len);
	if (label->key && label->value) {
		c->labels_len++;
		return 0;
	}
	free(label->key);
	free(label->value);
	return -ENOMEM;
}

static const char *label_of(const struct container *c, const char *key)
{
	for (size_t i = 0; i < c->labels_len; i++) {
		if (!strcmp(c->labels[i].key, key))
			return c->labels[i].value;
	}
	return NULL;
}

/* --- JSON ------------------------------------------------------------------------------------- */

/* Takes TEXT. NULL: it is none, or memory is short. */
static struct json_object *parse_json(char *text, size_t len)
{
	struct json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH);
	struct json_object *root = NULL;

	if (tokener)
		root = json_tokener_parse_ex(tokener, text, (int)len);
	if (tokener)
		json_tokener_free(tokener);
	free(text);
	return root;
}

static struct json_object *member(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	json_object_object_get_ex(object, key, &value);
	return value;
}

/* malloc'ed; NULL: there is no such text, or memory is short. */
static char *text_of(struct json_object *object, const char *key)
{
	struct json_object *value = member(object, key);

	return json_object_is_type(value, json_type_string) ? strdup(json_object_get_string(value))
							    : NULL;
}

static int keep_labels(struct container *c, struct json_object *labels)
{
	int err = 0;

	if (!json_object_is_type(labels, json_type_object))
		return 0;
	json_object_object_foreach(labels, key, value)
	{
		const char *text = json_object_get_string(value);

		if (!err && text && json_object_is_type(value, json_type_string))
			err = keep_label(c, key, strlen(key), text, strlen(text));
	}
	return err;
}

/* Takes ROOT. -EBADMSG: the file is not what it was in the versions that are known. */
static int finish(struct container *c, struct json_object *root, struct json_object *labels)
{
	int err = c->name ? keep_labels(c, labels) : -EBADMSG;

	json_object_put(root);
	if (err)
		container_fini(c);
	return err;
}

/* --- docker ----------------------------------------------------------------------------------- */

static int take_docker(struct container *c, char *text, size_t len)
{
	struct json_object *json = parse_json(text, len), *config = member(json, "Config");

	c->runtime = CONTAINER_DOCKER;
	c->name = text_of(json, "Name");
	c->image = text_of(config, "Image");
	/* "/alice" */
	if (c->name && c->name[0] == '/')
		memmove(c->name, c->name + 1, strlen(c->name));
	return finish(c, json, member(config, "Labels"));
}

static int find_docker(const char *root, const char *id, struct container *c, char *why,
		       size_t why_len)
{
	char path[PATH_MAX], *text;
	size_t len;
	int err;

	snprintf(path, sizeof(path), "%s/var/lib/docker/containers/%.*s/config.v2.json", root,
		 CONTAINER_ID, id);
	err = ownfile_read(path, FILE_MAX_BYTES, &text, &len, why, why_len);
	if (err)
		return err;
	err = take_docker(c, text, len);
	if (err == -EBADMSG)
		snprintf(why, why_len, "%.200s is not read: it is of no form that is known", path);
	return err;
}

/* --- podman ----------------------------------------------------------------------------------- */

static int take_podman(struct container *c, char *text, size_t len)
{
	struct json_object *json = parse_json(text, len);

	c->runtime = CONTAINER_PODMAN;
	c->name = text_of(json, "name");
	c->image = text_of(json, "rootfsImageName");
	return finish(c, json, member(json, "labels"));
}

static int find_podman(const char *root, const char *id, struct container *c, char *why,
		       size_t why_len)
{
	char key[CONTAINER_ID + 1], *text;
	const char *path[] = {"ctr", key, "config"};
	size_t len;
	int fd, err;

	fd = ownfile_open(why, why_len, "%s" LIBPOD "/libpod/bolt_state.db", root);
	if (fd < 0)
		return fd;
	snprintf(key, sizeof(key), "%.*s", CONTAINER_ID, id);
	err = bolt_get(fd, path, 3, &text, &len);
	close(fd);
	if (!err)
		err = take_podman(c, text, len);
	if (err && err != -ENOENT && err != -EAGAIN)
		snprintf(why, why_len,
			 "podman's database is not read: it is of no form that is "
			 "known");
	return err;
}

/* The list that podman's storage keeps of any version: `metadata` is JSON in a text. */
static int take_listed(struct json_object *entry, struct container *c)
{
	char *metadata = text_of(entry, "metadata");
	struct json_object *json = metadata ? parse_json(metadata, strlen(metadata)) : NULL;

	c->runtime = CONTAINER_PODMAN;
	c->name = text_of(json, "name");
	c->image = text_of(json, "image-name");
	return finish(c, json, NULL);
}

static int find_in_list(struct json_object *list, const char *id, struct container *c)
{
	size_t len =
		json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;

	for (size_t i = 0; i < len; i++) {
		struct json_object *entry = json_object_array_get_idx(list, i);
		struct json_object *name = member(entry, "id");

		if (json_object_is_type(name, json_type_string) &&
		    json_object_get_string_len(name) == CONTAINER_ID &&
		    !strncmp(json_object_get_string(name), id, CONTAINER_ID))
			return take_listed(entry, c);
	}
	return -ENOENT;
}

static int find_podman_listed(const char *root, const char *id, struct container *c, char *why,
			      size_t why_len)
{
	static const char *const drivers[] = {"overlay", "vfs", "btrfs", "zfs"};
	char path[PATH_MAX], *text;
	int err = -ENOENT;
	size_t len;

	for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]) && err == -ENOENT; i++) {
		snprintf(path, sizeof(path), "%s" LIBPOD "/%s-containers/containers.json", root,
			 drivers[i]);
		err = ownfile_read(path, FILE_MAX_BYTES, &text, &len, why, why_len);
		if (!err) {
			struct json_object *list = parse_json(text, len);

			err = find_in_list(list, id, c);
			json_object_put(list);
		}
	}
	return err;
}

/* --- containerd ------------------------------------------------------------------------------- */

struct collected {
	struct container *container;
	int err;
};

static void forget_labels(void *context)
{
	struct collected *of = context;

	container_fini(of->container);
	of->err = 0;
}

static void collect(void *context, const char *key, size_t key_len, const char *value,
		    size_t value_len)
{
	struct collected *of = context;

	if (!of->err)
		of->err = keep_label(of->container, key, key_len, value, value_len);
}

/* What kubelets write of every container. */
static int take_pod(struct container *c)
{
	const char *name = label_of(c, "io.kubernetes.pod.name");
	const char *namespace = label_of(c, "io.kubernetes.pod.namespace");
	const char *uid = label_of(c, "io.kubernetes.pod.uid");
	const char *kind = label_of(c, "io.cri-containerd.kind");

	if (!name || !namespace || !uid || !kind)
		return -ENOENT;
	c->runtime = CONTAINER_POD;
	c->name = strdup(name);
	c->namespace = strdup(namespace);
	c->uid = strdup(uid);
	c->sandbox = !strcmp(kind, "sandbox");
	return c->name && c->namespace && c->uid ? 0 : -ENOMEM;
}

static int find_pod(const char *root, const char *database, const char *id, struct container *c,
		    char *why, size_t why_len)
{
	struct collected of = {.container = c};
	const struct bolt_each each = {collect, forget_labels, &of};
	char key[CONTAINER_ID + 1];
	const char *path[] = {"v1", "k8s.io", "containers", key, "labels"};
	int fd = ownfile_open(why, why_len, "%s%s", root, database), err;

	if (fd < 0)
		return fd;
	snprintf(key, sizeof(key), "%.*s", CONTAINER_ID, id);
	err = bolt_list(fd, path, 5, &each);
	close(fd);
	if (!err)
		err = of.err ? of.err : take_pod(c);
	if (err)
		container_fini(c);
	if (err && err != -ENOENT && err != -EAGAIN)
		snprintf(why, why_len, "%.200s is not read: it is of no form that is known",
			 database);
	return err;
}

/* --- all runtimes ----------------------------------------------------------------------------- */

/* What went wrong in one place does not matter when the container stands in another. */
static void note(int err, int *first)
{
	if (err != -ENOENT && *first == -ENOENT)
		*first = err;
}

int container_find(const char *root, const char *id, struct container *out, char *why,
		   size_t why_len)
{
	static int (*const ways[])(const char *, const char *, struct container *, char *,
				   size_t) = {find_docker, find_podman, find_podman_listed};
	int first = -ENOENT, err;

	memset(out, 0, sizeof(*out));
	why[0] = '\0';
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		err = ways[i](root, id, out, why, why_len);
		if (!err)
			return 0;
		note(err, &first);
	}
	for (size_t i = 0; i < sizeof(containerd_databases) / sizeof(char *); i++) {
		err = find_pod(root, containerd_databases[i], id, out, why, why_len);
		if (!err)
			return 0;
		note(err, &first);
	}
	return first;
}

/* --- traits ----------------------------------------------------------------------------------- */

static bool fits(const char *pattern, const char *text)
{
	return text && !fnmatch(pattern, text, FNM_NOESCAPE);
}

/* An image fits with its tag or digest, and without. */
static bool fits_image(const char *pattern, const char *image)
{
	const char *slash, *end;
	char *stem;
	bool fit;

	if (!image || fits(pattern, image))
		return image != NULL;
	slash = strrchr(image, '/');
	end = strpbrk(slash ? slash : image, ":@");
	stem = end ? strndup(image, (size_t)(end - image)) : NULL;
	fit = fits(pattern, stem);
	free(stem);
	return fit;
}

static bool has_trait(const struct container *c, const struct trait *t)
{
	const char *value = NULL;

	switch (t->kind) {
	case TRAIT_NAME: return fits(t->pattern, c->name);
	case TRAIT_IMAGE: return fits_image(t->pattern, c->image);
	case TRAIT_NAMESPACE: return fits(t->pattern, c->namespace);
	case TRAIT_LABEL: value = label_of(c, t->key); break;
	}
	return value && (!t->pattern || fits(t->pattern, value));
}

bool container_has(const struct container *c, const struct traits *traits)
{
	for (size_t i = 0; i < traits->len; i++) {
		if (!has_trait(c, &traits->list[i]))
			return false;
	}
	return true;
}
