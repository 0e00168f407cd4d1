/* SPDX-License-Identifier: Apache-2.0 */
#include "base/privilege.h"

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/log.h"

static void keep(cap_t then, cap_t now, cap_value_t cap)
{
	cap_flag_value_t has = CAP_CLEAR;

	if (cap_get_flag(now, cap, CAP_PERMITTED, &has) || has == CAP_CLEAR)
		return;
	cap_set_flag(then, CAP_PERMITTED, 1, &cap, CAP_SET);
	cap_set_flag(then, CAP_EFFECTIVE, 1, &cap, CAP_SET);
}

int privilege_keep(const cap_value_t *caps, size_t n)
{
	cap_t now = cap_get_proc(), then = cap_init();
	int err = -ENOMEM;

	if (!now || !then)
		goto out;
	for (size_t i = 0; i < n; i++)
		keep(then, now, caps[i]);
	err = cap_set_proc(then) ? -errno : 0;
out:
	cap_free(now);
	cap_free(then);
	if (err)
		log_err("run", "cannot give up privileges: %s", strerror(-err));
	return err;
}

int privilege_drop_all(void)
{
	cap_t none = cap_init(), now = cap_get_proc();
	bool has = !none || !now || cap_compare(none, now);
	int err = 0;

	/* Taking a capability out of the bounding set needs one. */
	for (cap_value_t cap = 0; cap <= CAP_LAST_CAP; cap++)
		prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	/* A service's filter of system calls may forbid to set what is set already. */
	if (!none || (has && cap_set_proc(none)))
		err = -errno;
	cap_free(now);
	cap_free(none);
	return err;
}

int privilege_join(gid_t group)
{
	int n = getgroups(0, NULL), err = 0;
	gid_t *groups;

	if (group == getegid())
		return 0;
	if (n < 0)
		return -errno;
	groups = calloc((size_t)n + 1, sizeof(*groups));
	if (!groups)
		return -ENOMEM;
	n = getgroups(n, groups);
	if (n >= 0)
		groups[n] = group;
	if (n < 0 || setgroups((size_t)n + 1, groups))
		err = -errno;
	free(groups);
	return err;
}

int privilege_drop(bool keep_admin)
{
	const cap_value_t kept[] = {CAP_BPF,
				    CAP_PERFMON,
				    CAP_SYS_PTRACE,
				    CAP_DAC_READ_SEARCH,
				    CAP_CHECKPOINT_RESTORE,
				    CAP_SYS_ADMIN};
	size_t n = sizeof(kept) / sizeof(kept[0]);

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) {
		int err = -errno;

		log_err("run", "cannot give up privileges: %s", strerror(-err));
		return err;
	}
	return privilege_keep(kept, keep_admin ? n : n - 1);
}
