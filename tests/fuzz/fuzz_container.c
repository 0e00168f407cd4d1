/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_container.c - any bytes as what a runtime has written of its containers: docker's or
 * podman's JSON, podman's list, or the database of podman or containerd, by the first byte. No
 * crash, no leak; what was found has a name, and is held against traits.
 */
#include <stdint.h>
#include <sys/mman.h>

#include "base/fetch.c"
#include "base/proxy.c"
#include "base/url.c"
#include "base/utf8.c"
#include "target/bolt.c"
#include "target/container.c"
#include "target/ownfile.c"

#define ID "a11ce00000000000000000000000000000000000000000000000000000000001"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* In place of an opened path, which is there for as long as the input lasts. */
static int put(const uint8_t *data, size_t size)
{
	static int fd = -1;

	if (fd < 0)
		fd = memfd_create("container", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, 0) || pwrite(fd, data, size, 0) != (ssize_t)size)
		abort();
	return fd;
}

static int look_in_database(int fd, bool pod, struct container *c)
{
	static const char *const of_podman[] = {"ctr", ID, "config"};
	static const char *const of_pod[] = {"v1", "k8s.io", "containers", ID, "labels"};
	struct collected of = {.container = c};
	const struct bolt_each each = {collect, forget_labels, &of};
	char *text;
	size_t len;
	int err;

	if (!pod) {
		err = bolt_get(fd, of_podman, 3, &text, &len);
		return err ? err : take_podman(c, text, len);
	}
	err = bolt_list(fd, of_pod, 5, &each);
	if (!err)
		err = of.err ? of.err : take_pod(c);
	if (err)
		container_fini(c);
	return err;
}

static int look_in_json(const uint8_t *data, size_t size, unsigned form, struct container *c)
{
	char *text = malloc(size + 1);
	struct json_object *list;
	int err;

	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	if (form == 0)
		return take_docker(c, text, size);
	if (form == 1)
		return take_podman(c, text, size);
	list = parse_json(text, size);
	err = find_in_list(list, ID, c);
	json_object_put(list);
	return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char any[] = "*", image[] = "*/x:1", app[] = "app";
	static const struct traits wanted[] = {
		{{{TRAIT_NAME, NULL, any}, {TRAIT_IMAGE, NULL, image}, {TRAIT_LABEL, app, any}}, 3},
		{{{TRAIT_NAME, NULL, any}, {TRAIT_LABEL, app, NULL}}, 2},
	};
	struct container c = {.name = NULL};
	int err;

	if (!size)
		return 0;
	if (data[0] % 5 < 3)
		err = look_in_json(data + 1, size - 1, data[0] % 5, &c);
	else
		err = look_in_database(put(data + 1, size - 1), data[0] % 5 == 4, &c);
	if (err)
		return 0;
	if (!c.name)
		abort();
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		container_has(&c, &wanted[i]);
	container_fini(&c);
	return 0;
}
