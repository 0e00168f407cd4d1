/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/timing.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "bpf/profile.skel.h"
#include "tap/namespaces.h"

#define LINKS_PER_CGROUP 2

struct timing {
	struct profile_bpf *skel;
	struct ring_buffer *ring;
	bool dependencies;       /* the programs that see them are loaded */
	struct bpf_link **links; /* of cgroups */
	size_t links_len;
	timing_sink *sink; /* while timing_consume runs */
	void *sink_context;
};

static int hand_over(void *context, void *event, size_t size)
{
	struct timing *t = context;

	if (size == sizeof(struct tape_event))
		t->sink(t->sink_context, event);
	return 0;
}

static void explain(int err, char *why, size_t why_len)
{
	if (access("/sys/kernel/btf/vmlinux", R_OK))
		snprintf(why, why_len,
			 "this kernel has no BTF (/sys/kernel/btf/vmlinux); a kernel built with "
			 "CONFIG_DEBUG_INFO_BTF=y has");
	else if (err == -EPERM || err == -EACCES)
		snprintf(why, why_len,
			 "the kernel refuses programs on its scheduler (%s): run as root, or with "
			 "CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN; lockdown=confidentiality forbids "
			 "them",
			 strerror(-err));
	else
		snprintf(why, why_len, "the kernel does not take the programs on its scheduler: %s",
			 strerror(-err));
}

static int open_programs(struct timing *t, const struct timing_port *ports, size_t ports_len,
			 bool dependencies)
{
	int err;

	t->skel = profile_bpf__open();
	if (!t->skel)
		return errno ? -errno : -ENOMEM;
	for (size_t i = 0; i < ports_len; i++)
		*(uint8_t *)&t->skel->rodata->class_of_port[ports[i].port] = ports[i].class;
	/* Those are attached to each cgroup. */
	bpf_program__set_autoattach(t->skel->progs.dependency_out, false);
	bpf_program__set_autoattach(t->skel->progs.dependency_in, false);
	bpf_program__set_autoload(t->skel->progs.dependency_out, dependencies);
	bpf_program__set_autoload(t->skel->progs.dependency_in, dependencies);
	t->dependencies = dependencies;
	err = profile_bpf__load(t->skel);
	if (!err)
		err = profile_bpf__attach(t->skel);
	if (err)
		return err;
	t->ring = ring_buffer__new(bpf_map__fd(t->skel->maps.tape), hand_over, t, NULL);
	return t->ring ? 0 : errno ? -errno : -ENOMEM;
}

int timing_open(const struct timing_port *ports, size_t ports_len, struct timing **out, char *why,
		size_t why_len)
{
	struct timing *t;
	int err;

	if (!namespaces_pids_are_hosts()) {
		snprintf(why, why_len,
			 "the kernel numbers threads as the host does, and this is a PID namespace "
			 "of its own; run it in the host's (--pid=host)");
		return -EOPNOTSUPP;
	}
	t = calloc(1, sizeof(*t));
	err = t ? open_programs(t, ports, ports_len, true) : -ENOMEM;
	if (t && err) {
		/* The clocks are worth having alone. */
		profile_bpf__destroy(t->skel);
		err = open_programs(t, ports, ports_len, false);
	}
	if (err) {
		explain(err, why, why_len);
		timing_close(t);
		return err;
	}
	*out = t;
	return 0;
}

void timing_close(struct timing *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->links_len; i++)
		bpf_link__destroy(t->links[i]);
	free(t->links);
	ring_buffer__free(t->ring);
	profile_bpf__destroy(t->skel);
	free(t);
}

int timing_attach_cgroup(struct timing *t, const struct cgroup *cgroup)
{
	const struct bpf_program *programs[LINKS_PER_CGROUP] = {t->skel->progs.dependency_out,
								t->skel->progs.dependency_in};
	struct bpf_link **links =
		reallocarray(t->links, t->links_len + LINKS_PER_CGROUP, sizeof(*links));

	if (!links)
		return -ENOMEM;
	t->links = links;
	if (!t->dependencies)
		return 0;
	for (size_t i = 0; i < LINKS_PER_CGROUP; i++) {
		struct bpf_link *link = bpf_program__attach_cgroup(programs[i], cgroup->fd);

		if (!link)
			return -errno;
		t->links[t->links_len++] = link;
	}
	return 0;
}

bool timing_sees_dependencies(const struct timing *t)
{
	return t->dependencies;
}

void timing_watch(struct timing *t, pid_t pid)
{
	const struct dirent *entry;
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		unsigned long tid = strtoul(entry->d_name, NULL, 10);

		if (tid)
			t->skel->bss->watched[tid & (TAPE_WATCHED - 1)] = 1;
	}
	closedir(dir);
}

void timing_consume(struct timing *t, timing_sink *sink, void *context)
{
	t->sink = sink;
	t->sink_context = context;
	ring_buffer__consume(t->ring);
}

uint64_t timing_dropped(const struct timing *t)
{
	return __atomic_load_n(&t->skel->bss->dropped, __ATOMIC_RELAXED);
}
