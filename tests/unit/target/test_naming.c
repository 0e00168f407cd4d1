/* SPDX-License-Identifier: Apache-2.0 */
/* naming: the cgroup of a process is named as an operator would write it into the configuration. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "target/naming.h"

#define ID  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define UID "0a1b2c3d_0000_1111_2222_333344445555"

static const struct {
	const char *path;
	enum config_target_kind kind;
	const char *name, *remark; /* part of the remark; "": none */
} named[] = {
	{"/system.slice/rafiki-backend.service", TARGET_UNIT, "rafiki-backend.service", ""},
	{"/system.slice/system-rafiki.slice/rafiki@1.service/init", TARGET_UNIT, "rafiki@1.service",
	 ""},
	/* anybody can start such a unit, so it is named by its place */
	{"/user.slice/user-1000.slice/user@1000.service/app.slice/a.service", TARGET_CGROUP,
	 "/user.slice/user-1000.slice/user@1000.service/app.slice/a.service", ""},
	{"/user.slice/user-1000.slice/session-3.scope", TARGET_CGROUP,
	 "/user.slice/user-1000.slice/session-3.scope", "a login session"},
	{"/docker/" ID, TARGET_CGROUP, "/docker/" ID, "docker container 0123456789ab,"},
	{"/system.slice/docker-" ID ".scope", TARGET_CGROUP, "/system.slice/docker-" ID ".scope",
	 "docker container 0123456789ab,"},
	{"/libpod_parent/libpod-" ID "/sub", TARGET_CGROUP, "/libpod_parent/libpod-" ID,
	 "podman container 0123456789ab,"},
	{"/machine.slice/libpod-" ID ".scope/container", TARGET_CGROUP,
	 "/machine.slice/libpod-" ID ".scope", "podman container"},
	{"/libpod_parent/libpod-conmon-" ID, TARGET_CGROUP, "/libpod_parent/libpod-conmon-" ID, ""},
	/* a container that is restarted in its pod gets another cgroup there */
	{"/kubepods/burstable/pod" UID "/" ID, TARGET_CGROUP, "/kubepods/burstable/pod" UID,
	 "a pod"},
	{"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" UID
	 ".slice/cri-containerd-" ID ".scope",
	 TARGET_CGROUP,
	 "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" UID ".slice", "a pod"},
	{"/lxc.payload.rafiki/system.slice/a.service", TARGET_CGROUP, "/lxc.payload.rafiki",
	 "lxc container rafiki"},
	{"/podcasts/app", TARGET_CGROUP, "/podcasts/app", ""},
	{"/alice", TARGET_CGROUP, "/alice", ""},
	{"/", TARGET_CGROUP, "/", "the whole host"},
};

static void each_cgroup_is_named_as_a_target(void **state)
{
	struct naming n;

	(void)state;
	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
		naming_of(named[i].path, &n);
		assert_string_equal(n.name, named[i].name);
		assert_int_equal(n.kind, named[i].kind);
		if (*named[i].remark)
			assert_non_null(strstr(n.remark, named[i].remark));
		else
			assert_string_equal(n.remark, "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_cgroup_is_named_as_a_target),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
