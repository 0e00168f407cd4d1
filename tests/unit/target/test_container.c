/* SPDX-License-Identifier: Apache-2.0 */
/* container: what runtimes write of their containers is found by id, and held against traits. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/text.h"
#include "target/container.h"
#include "target/naming.h"
#include "tests/unit/support/bolting.h"

#define DOCKER_ID  "d0c0000000000000000000000000000000000000000000000000000000000001"
#define PODMAN_ID  "b0d0000000000000000000000000000000000000000000000000000000000002"
#define LISTED_ID  "b0d0000000000000000000000000000000000000000000000000000000000003"
#define SANDBOX_ID "5a0d000000000000000000000000000000000000000000000000000000000004"
#define MAIN_ID    "c0d0000000000000000000000000000000000000000000000000000000000005"
#define OTHER_ID   "c0d0000000000000000000000000000000000000000000000000000000000006"
#define UID        "0a1b2c3d-1111-2222-3333-444455556666"

static char root[] = "/tmp/telltale-container.XXXXXX";

static void place(const char *below, const void *bytes, size_t len)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", root, below);
	for (char *slash = path + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(path, 0755);
		*slash = '/';
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	close(fd);
}

static void place_text(const char *below, const char *text)
{
	place(below, text, strlen(text));
}

/* As dockerd 20.10 writes it, shortened. */
static void place_docker(void)
{
	place_text("var/lib/docker/containers/" DOCKER_ID "/config.v2.json",
		   "{\"StreamConfig\":{},\"State\":{\"Running\":true,\"Pid\":24640},"
		   "\"ID\":\"" DOCKER_ID "\",\"Managed\":false,\"Path\":\"/bin/sleep\","
		   "\"Config\":{\"Hostname\":\"vm\",\"Env\":null,\"Cmd\":[\"/bin/sleep\"],"
		   "\"Image\":\"ghcr.io:443/interledger/rafiki-backend:v1\",\"Labels\":{"
		   "\"com.docker.compose.service\":\"backend\",\"odd\":7,"
		   "\"org.opencontainers.image.title\":\"rafiki\"}},"
		   "\"Image\":\"sha256:ce38\",\"Name\":\"/alice\",\"Driver\":\"vfs\"}");
}

/* podman 4.3: a bucket for each container, in which its configuration is JSON. */
static void place_podman(void)
{
	static const struct bolting_item config[] = {
		{.key = "config",
		 .text = "{\"spec\":{\"ociVersion\":\"1.0.2\"},\"id\":\"" PODMAN_ID
			 "\",\"name\":\"bob\",\"lockID\":0,"
			 "\"rootfsImageName\":\"localhost/rafiki:1\","
			 "\"labels\":{\"role\":\"connector\"},\"stopSignal\":15}"}};
	static const struct bolting_item ctr[] = {
		{.key = PODMAN_ID, .inside = config, .inside_len = 1}};
	static const struct bolting_item top[] = {{.key = "ctr", .inside = ctr, .inside_len = 1}};
	static struct bolting made;

	bolting_meta(&made, 0, 2, 2);
	bolting_leaf(&made, 2, top, 1);
	place("var/lib/containers/storage/libpod/bolt_state.db", made.bytes, sizeof(made.bytes));
	place_text("var/lib/containers/storage/overlay-containers/containers.json",
		   "[{\"id\":\"" LISTED_ID "\",\"names\":[\"carol\"],\"metadata\":"
		   "\"{\\\"image-name\\\":\\\"localhost/rafiki:2\\\","
		   "\\\"name\\\":\\\"carol\\\"}\"}]");
}

#define POD(kind)                                                                                  \
	{.key = "io.cri-containerd.kind", .text = (kind)},                                         \
		{.key = "io.kubernetes.pod.name", .text = "rafiki-5d4f-x"},                        \
		{.key = "io.kubernetes.pod.namespace", .text = "payments"},                        \
	{                                                                                          \
		.key = "io.kubernetes.pod.uid", .text = UID                                        \
	}

static void place_containerd(void)
{
	static const struct bolting_item sandbox[] = {
		{.key = "app", .text = "rafiki"}, POD("sandbox"), {.key = "tier", .text = "back"}};
	static const struct bolting_item main_of[] = {POD("container")};
	static const struct bolting_item foreign[] = {{.key = "nerdctl/name", .text = "x"}};
	static const struct bolting_item s[] = {
		{.key = "image", .text = "pause"},
		{.key = "labels", .inside = sandbox, .inside_len = 6}};
	static const struct bolting_item m[] = {
		{.key = "labels", .inside = main_of, .inside_len = 4}};
	static const struct bolting_item o[] = {
		{.key = "labels", .inside = foreign, .inside_len = 1}};
	static const struct bolting_item list[] = {
		{.key = SANDBOX_ID, .inside = s, .inside_len = 2},
		{.key = MAIN_ID, .inside = m, .inside_len = 1},
		{.key = OTHER_ID, .inside = o, .inside_len = 1}};
	static const struct bolting_item containers[] = {
		{.key = "containers", .inside = list, .inside_len = 3}};
	static const struct bolting_item space[] = {
		{.key = "k8s.io", .inside = containers, .inside_len = 1}};
	static const struct bolting_item top[] = {{.key = "v1", .inside = space, .inside_len = 1}};
	static struct bolting made;

	bolting_meta(&made, 0, 2, 2);
	bolting_leaf(&made, 2, top, 1);
	place("var/lib/containerd/io.containerd.metadata.v1.bolt/meta.db", made.bytes,
	      sizeof(made.bytes));
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path);
}

static int make(void **state)
{
	(void)state;
	memcpy(root + strlen(root) - 6, "XXXXXX", 6);
	assert_non_null(mkdtemp(root));
	return 0;
}

static int finish(void **state)
{
	(void)state;
	return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static int find(const char *id, struct container *c)
{
	char why[256];

	return container_find(root, id, c, why, sizeof(why));
}

/* Does the container ID have these traits? */
static bool has(const char *id, enum config_target_kind kind, const char *text)
{
	char why[CONFIG_WHY];
	struct container c;
	struct traits t;
	bool all;

	assert_int_equal(traits_parse(kind, text, &t, why), 0);
	assert_int_equal(find(id, &c), 0);
	all = container_has(&c, &t);
	container_fini(&c);
	traits_fini(&t);
	return all;
}

static void a_container_of_dockers_has_name_image_and_labels(void **state)
{
	(void)state;
	place_docker();
	assert_true(has(DOCKER_ID, TARGET_CONTAINER, "alice"));
	assert_true(has(DOCKER_ID, TARGET_CONTAINER, "name=al*"));
	assert_false(has(DOCKER_ID, TARGET_CONTAINER, "alic"));
	assert_false(has(DOCKER_ID, TARGET_CONTAINER, "/alice"));
	assert_true(has(DOCKER_ID, TARGET_CONTAINER, "label=com.docker.compose.service=backend"));
	assert_true(has(DOCKER_ID, TARGET_CONTAINER, "label=com.docker.compose.service"));
	assert_false(has(DOCKER_ID, TARGET_CONTAINER, "label=odd"));
	assert_true(has(DOCKER_ID, TARGET_CONTAINER,
			"alice,label=org.opencontainers.image.title=raf*"));
	assert_false(has(DOCKER_ID, TARGET_CONTAINER, "bob,label=com.docker.compose.service"));
}

static void an_image_is_named_with_its_tag_and_without(void **state)
{
	(void)state;
	place_docker();
	assert_true(has(DOCKER_ID, TARGET_CONTAINER,
			"image=ghcr.io:443/interledger/rafiki-backend:v1"));
	assert_true(
		has(DOCKER_ID, TARGET_CONTAINER, "image=ghcr.io:443/interledger/rafiki-backend"));
	assert_true(has(DOCKER_ID, TARGET_CONTAINER, "image=*/rafiki-backend"));
	assert_false(has(DOCKER_ID, TARGET_CONTAINER, "image=ghcr.io"));
	assert_false(has(DOCKER_ID, TARGET_CONTAINER, "image=rafiki-backend"));
}

static void a_container_of_podmans_is_found_in_its_database_or_its_list(void **state)
{
	(void)state;
	place_podman();
	assert_true(has(PODMAN_ID, TARGET_CONTAINER, "bob,image=localhost/rafiki,label=role"));
	assert_true(has(LISTED_ID, TARGET_CONTAINER, "carol,image=localhost/rafiki:2"));
	assert_false(has(LISTED_ID, TARGET_CONTAINER, "carol,label=role"));
}

static void a_pod_has_namespace_name_and_its_sandboxs_labels(void **state)
{
	struct container c;

	(void)state;
	place_containerd();
	assert_true(has(SANDBOX_ID, TARGET_POD, "payments/app=rafiki,tier=back"));
	assert_true(has(SANDBOX_ID, TARGET_POD, "payments/rafiki-*"));
	assert_false(has(SANDBOX_ID, TARGET_POD, "payment/app=rafiki"));
	assert_false(has(SANDBOX_ID, TARGET_POD, "payments/app=other"));
	assert_int_equal(find(SANDBOX_ID, &c), 0);
	assert_true(c.sandbox && !strcmp(c.uid, UID));
	container_fini(&c);
	assert_int_equal(find(MAIN_ID, &c), 0);
	assert_false(c.sandbox);
	container_fini(&c);
	assert_int_equal(find(OTHER_ID, &c), -ENOENT);
}

static void a_file_that_others_can_have_written_is_not_read(void **state)
{
	char path[512], aside[512], why[256];
	struct container c;

	(void)state;
	place_docker();
	snprintf(path, sizeof(path), "%s/var/lib/docker/containers/" DOCKER_ID "/config.v2.json",
		 root);
	snprintf(aside, sizeof(aside), "%s/aside", root);
	assert_int_equal(chmod(path, 0620), 0);
	assert_int_equal(container_find(root, DOCKER_ID, &c, why, sizeof(why)), -EACCES);
	assert_non_null(strstr(why, "others than root may write it"));
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(rename(path, aside), 0);
	assert_int_equal(symlink(aside, path), 0);
	assert_int_equal(find(DOCKER_ID, &c), -ELOOP);
	assert_int_equal(remove(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(find(DOCKER_ID, &c), -EINVAL);
}

static void what_is_no_such_file_is_refused_and_said(void **state)
{
	static const char *const texts[] = {"", "{", "[]", "7", "{\"Name\":7}",
					    "{\"Config\":{\"Labels\":{}}}",
					    /* deeper than any of docker's */
					    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["};
	char why[256];
	struct container c;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		place_text("var/lib/docker/containers/" DOCKER_ID "/config.v2.json", texts[i]);
		assert_int_equal(container_find(root, DOCKER_ID, &c, why, sizeof(why)), -EBADMSG);
		assert_non_null(strstr(why, "no form that is known"));
	}
	place_text("var/lib/containers/storage/libpod/bolt_state.db", "nothing");
	assert_int_equal(find(PODMAN_ID, &c), -EBADMSG);
}

static void an_id_is_found_in_what_each_runtime_calls_a_cgroup(void **state)
{
	static const char *const of[] = {DOCKER_ID,
					 "docker-" DOCKER_ID ".scope",
					 "libpod-" DOCKER_ID,
					 "libpod-" DOCKER_ID ".scope",
					 "libpod-payload-" DOCKER_ID,
					 "cri-containerd-" DOCKER_ID ".scope"};
	static const char *const none[] = {"",
					   "docker",
					   "docker-" DOCKER_ID ".service",
					   "libpod-conmon-" DOCKER_ID ".scope",
					   DOCKER_ID "0",
					   "x" DOCKER_ID,
					   "pod" UID};

	(void)state;
	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		const char *id = container_id(of[i]);

		assert_non_null(id);
		assert_memory_equal(id, DOCKER_ID, CONTAINER_ID);
	}
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_null(container_id(none[i]));
}

/* What the cgroup PATH is called; the remark has WORDS in it. */
static void is_named(const char *path, const char *want, const char *words)
{
	char name[PATH_MAX + 16];
	struct naming n;

	naming_of(path, &n);
	naming_look_up(root, root, path, &n);
	snprintf(name, sizeof(name), "%s:%s", config_target_kinds[n.kind], n.name);
	assert_string_equal(name, want);
	assert_non_null(strstr(n.remark, words));
}

static void a_cgroup_is_named_by_what_its_container_or_pod_is_called(void **state)
{
	(void)state;
	place_docker();
	place_podman();
	place_containerd();
	place_text("kubepods/pod" UID "/" MAIN_ID "/cgroup.procs", "");
	place_text("kubepods/pod" UID "/" SANDBOX_ID "/cgroup.procs", "");
	is_named("/docker/" DOCKER_ID, "container:alice", "");
	is_named("/machine.slice/libpod-" PODMAN_ID ".scope/container", "container:bob", "");
	is_named("/kubepods/pod" UID "/" MAIN_ID, "pod:payments/app=rafiki,tier=back", "");
	/* not known, or named well already */
	is_named("/docker/" MAIN_ID, "cgroup:/docker/" MAIN_ID, "until it is made anew");
	is_named("/system.slice/a.service/libpod-payload-" PODMAN_ID, "unit:a.service", "");
	is_named("/alice", "cgroup:/alice", "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_container_of_dockers_has_name_image_and_labels),
		TEST(an_image_is_named_with_its_tag_and_without),
		TEST(a_container_of_podmans_is_found_in_its_database_or_its_list),
		TEST(a_pod_has_namespace_name_and_its_sandboxs_labels),
		TEST(a_file_that_others_can_have_written_is_not_read),
		TEST(what_is_no_such_file_is_refused_and_said),
		TEST(a_cgroup_is_named_by_what_its_container_or_pod_is_called),
		TEST(an_id_is_found_in_what_each_runtime_calls_a_cgroup),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
