/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/host.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/utsname.h>

#include "target/cgroup.h"
#include "tap/namespaces.h"
#include "tap/sampler.h"
#include "tap/timing.h"
#include "tap/uprobe.h"

/* The running kernel's version as major * 1000 + minor; 0 when it is not known. */
static unsigned kernel(char *release, size_t len)
{
	struct utsname name;
	unsigned major = 0, minor = 0;

	if (uname(&name) || sscanf(name.release, "%u.%u", &major, &minor) != 2)
		return 0;
	if (release)
		snprintf(release, len, "%s", name.release);
	return major * 1000 + minor;
}

static enum host_verdict look_at_kernel(char *words, size_t len)
{
	char release[65] = "?";
	unsigned version = kernel(release, sizeof(release));

	if (version < 5010) {
		snprintf(words, len, "%s is older than 5.10; use a newer kernel", release);
		return HOST_FAIL;
	}
	snprintf(words, len, "%s", release);
	return HOST_OK;
}

static enum host_verdict look_at_cgroup(char *words, size_t len)
{
	char *mount = cgroup_mount();

	if (!mount) {
		snprintf(words, len,
			 "v2 is not mounted; `mount -t cgroup2 none "
			 "/sys/fs/cgroup/unified` mounts it beside v1");
		return HOST_FAIL;
	}
	snprintf(words, len, "v2 at %s", mount);
	free(mount);
	return HOST_OK;
}

/* Does any cgroup beside the root use the v1 controller? */
static bool controller_used(const char *name)
{
	FILE *f = fopen("/proc/cgroups", "re");
	char line[256];
	bool used = false;

	if (!f)
		return false;
	while (fgets(line, sizeof(line), f)) {
		char controller[64];
		unsigned hierarchy, groups;

		if (sscanf(line, "%63s %u %u", controller, &hierarchy, &groups) == 3 &&
		    !strcmp(controller, name))
			used |= hierarchy > 0 && groups > 1;
	}
	fclose(f);
	return used;
}

static enum host_verdict look_at_conflicts(char *words, size_t len)
{
	unsigned version = kernel(NULL, 0);

	if (version < 5015 && (controller_used("net_cls") || controller_used("net_prio"))) {
		snprintf(words, len,
			 "net_cls or net_prio of cgroup v1 is in use: before kernel 5.15 sockets "
			 "then lose their v2 cgroup and are not seen; stop using it, or use 5.15");
		return HOST_FAIL;
	}
	snprintf(words, len, "none");
	return HOST_OK;
}

static bool has_cap(cap_t caps, cap_value_t cap)
{
	cap_flag_value_t has = CAP_CLEAR;

	return !cap_get_flag(caps, cap, CAP_EFFECTIVE, &has) && has == CAP_SET;
}

/* Without the first three nothing starts; the others find TLS libraries. */
static const struct {
	cap_value_t cap;
	const char *name;
} needed[] = {
	{CAP_BPF, "CAP_BPF"},
	{CAP_NET_ADMIN, "CAP_NET_ADMIN"},
	{CAP_PERFMON, "CAP_PERFMON"},
	{CAP_SYS_PTRACE, "CAP_SYS_PTRACE"},
	{CAP_DAC_READ_SEARCH, "CAP_DAC_READ_SEARCH"},
};

#define NEEDED_TO_START 3
#define NEEDED_LEN      (sizeof(needed) / sizeof(needed[0]))

/* Are the first N of CAPS there? WORDS names those that are not. */
static bool have_needed(cap_t caps, size_t n, char *words, size_t len)
{
	bool lacking = false;
	size_t used = 0;

	words[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		if (has_cap(caps, needed[i].cap))
			continue;
		used += (size_t)snprintf(words + used, len - used, "%s%s", lacking ? ", " : "",
					 needed[i].name);
		lacking = true;
	}
	if (lacking)
		snprintf(words + used, len - used,
			 " missing; run as root, or give the service these capabilities");
	return !lacking;
}

static const char other_proc[] =
	"the /proc that is mounted here is of another PID namespace, so that process numbers mean "
	"other processes; mount this one's (`mount -t proc proc /proc`, or `unshare --mount-proc`)";

bool host_may_start(char *why, size_t why_len)
{
	cap_t caps = cap_get_proc();
	bool may;

	if (caps && !namespaces_proc_is_ours()) {
		snprintf(why, why_len, "%s", other_proc);
		cap_free(caps);
		return false;
	}
	if (!caps) {
		snprintf(why, why_len, "capabilities cannot be read: %s", strerror(errno));
		return false;
	}
	may = have_needed(caps, NEEDED_TO_START, why, why_len);
	cap_free(caps);
	return may;
}

static enum host_verdict look_at_capabilities(char *words, size_t len)
{
	cap_t caps = cap_get_proc();
	enum host_verdict verdict = HOST_OK;

	if (!caps) {
		snprintf(words, len, "cannot be read: %s", strerror(errno));
		return HOST_FAIL;
	}
	if (!have_needed(caps, NEEDED_LEN, words, len)) {
		verdict = HOST_FAIL;
	} else if (!has_cap(caps, CAP_SYS_ADMIN) && !uprobe_has_multi()) {
		snprintf(words, len,
			 "CAP_SYS_ADMIN missing: without it kernels before 6.10 may refuse the TLS "
			 "tap");
		verdict = HOST_WARN;
	} else {
		snprintf(words, len, "all that are needed");
	}
	cap_free(caps);
	return verdict;
}

static enum host_verdict look_at_lockdown(char *words, size_t len)
{
	FILE *f = fopen("/sys/kernel/security/lockdown", "re");
	char line[128] = "", *mode, *end;

	if (f && !fgets(line, sizeof(line), f))
		line[0] = '\0';
	if (f)
		fclose(f);
	mode = strchr(line, '[');
	end = mode ? strchr(mode, ']') : NULL;
	if (!end) {
		snprintf(words, len, "not known (securityfs is not mounted, or there is none)");
		return HOST_OK;
	}
	*end = '\0';
	snprintf(words, len, "%s", mode + 1);
	return HOST_OK;
}

static enum host_verdict look_at_namespaces(char *words, size_t len)
{
	if (!namespaces_proc_is_ours()) {
		snprintf(words, len, "%s", other_proc);
		return HOST_FAIL;
	}
	if (namespaces_pids_are_hosts()) {
		snprintf(words, len, "the host's processes are seen");
		return HOST_OK;
	}
	if (!uprobe_has_cookies()) {
		snprintf(words, len,
			 "this is a PID namespace of its own, in which TLS is read from Linux 5.15 "
			 "on; run in the host's (--pid=host), or use a newer kernel");
		return HOST_WARN;
	}
	snprintf(words, len,
		 "this is a PID namespace of its own: the TLS of processes outside it cannot be "
		 "read");
	return HOST_OK;
}

#define RING_BYTES (1u << 16)

/* It may work for who runs the check, and not for the next one. */
static void add_paranoid(char *words, size_t len)
{
	size_t used = strlen(words);

	if (sampler_paranoid() > 2 && !strstr(words, "perf_event_paranoid"))
		snprintf(words + used, len - used,
			 "; kernel.perf_event_paranoid is %d: on some kernels stacks then take "
			 "CAP_SYS_ADMIN, so run `telltale profile` as root, or set it to 2",
			 sampler_paranoid());
}

/* The programs of `telltale profile` are loaded and taken away again. */
static enum host_verdict look_at_profile(char *words, size_t len)
{
	const struct dependencies none = {.ports_len = 0};
	char no_clock[320] = "", no_stacks[320] = "";
	struct sampler *sampler = NULL;
	struct timing *timing = NULL;
	enum host_verdict verdict = HOST_OK;

	timing_open(&none, RING_BYTES, &timing, no_clock, sizeof(no_clock));
	sampler_open(1, &sampler, no_stacks, sizeof(no_stacks));
	if (!timing && !sampler && !strcmp(no_clock, no_stacks))
		snprintf(words, len, "no columns and no stacks: %s", no_clock);
	else if (!timing)
		snprintf(words, len, "no columns: %s", no_clock);
	else if (!sampler)
		snprintf(words, len, "columns, and no stacks: %s", no_stacks);
	else if (!timing_sees_dependencies(timing))
		snprintf(words, len, "columns and stacks; this kernel shows no dependencies");
	else
		snprintf(words, len, "columns, dependencies and stacks");
	add_paranoid(words, len);
	if (!timing || !sampler)
		verdict = HOST_WARN;
	timing_close(timing);
	sampler_close(sampler);
	return verdict;
}

const struct host_check host_checks[] = {
	{"kernel", look_at_kernel},
	{"cgroup", look_at_cgroup},
	{"capabilities", look_at_capabilities},
	{"lockdown", look_at_lockdown},
	{"conflicts", look_at_conflicts},
	{"namespaces", look_at_namespaces},
	{"profile", look_at_profile},
};

const size_t host_checks_len = sizeof(host_checks) / sizeof(host_checks[0]);
