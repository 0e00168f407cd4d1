/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/timing.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/profile.skel.h"
#include "tap/load.h"
#include "tap/namespaces.h"

#define LINKS_PER_CGROUP 2

struct timing {
	struct profile_bpf *skel;
	struct ring_buffer *ring;
	bool dependencies;             /* the programs that see them are loaded */
	struct timing_cgroup *cgroups; /* the first; the others follow */
	timing_sink *sink;             /* while timing_consume runs */
	void *sink_context;
};

struct timing_cgroup {
	struct bpf_link *links[LINKS_PER_CGROUP];
	struct timing_cgroup *next;
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

static int open_programs(struct timing *t, const struct dependencies *d, uint32_t ring_bytes,
			 bool dependencies)
{
	int err;

	t->skel = profile_bpf__open();
	if (!t->skel)
		return errno ? -errno : -ENOMEM;
	for (size_t i = 0; i < d->ports_len; i++)
		*(uint8_t *)&t->skel->rodata->class_of_port[d->ports[i].port] = d->ports[i].class;
	bpf_map__set_max_entries(t->skel->maps.tape, ring_bytes);
	/* Those are attached to each cgroup. */
	bpf_program__set_autoattach(t->skel->progs.dependency_out, false);
	bpf_program__set_autoattach(t->skel->progs.dependency_in, false);
	bpf_program__set_autoload(t->skel->progs.dependency_out, dependencies);
	bpf_program__set_autoload(t->skel->progs.dependency_in, dependencies);
	t->dependencies = dependencies;
	err = profile_bpf__load(t->skel);
	if (!err)
		err = profile_bpf__attach(t->skel);
	return err;
}

int timing_open(const struct dependencies *dependencies, uint32_t ring_bytes, struct timing **out,
		char *why, size_t why_len)
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
	err = t ? open_programs(t, dependencies, ring_bytes, true) : -ENOMEM;
	if (t && err) {
		/* The clocks are worth having alone. */
		profile_bpf__destroy(t->skel);
		err = open_programs(t, dependencies, ring_bytes, false);
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
	while (t->cgroups)
		timing_detach_cgroup(t, t->cgroups);
	ring_buffer__free(t->ring);
	profile_bpf__destroy(t->skel);
	free(t);
}

int timing_attach_cgroup(struct timing *t, const struct cgroup *cgroup, struct timing_cgroup **out)
{
	const struct bpf_program *programs[LINKS_PER_CGROUP] = {t->skel->progs.dependency_out,
								t->skel->progs.dependency_in};
	struct timing_cgroup *c = calloc(1, sizeof(*c));
	int err = 0;

	if (!c)
		return -ENOMEM;
	c->next = t->cgroups;
	t->cgroups = c;
	for (size_t i = 0; t->dependencies && i < LINKS_PER_CGROUP && !err; i++) {
		c->links[i] = bpf_program__attach_cgroup(programs[i], cgroup->fd);
		err = c->links[i] ? 0 : -errno;
	}
	if (err)
		timing_detach_cgroup(t, c);
	else
		*out = c;
	return err;
}

void timing_detach_cgroup(struct timing *t, struct timing_cgroup *c)
{
	struct timing_cgroup **at = &t->cgroups;

	while (*at && *at != c)
		at = &(*at)->next;
	if (!c || !*at)
		return;
	*at = c->next;
	for (size_t i = 0; i < LINKS_PER_CGROUP; i++)
		bpf_link__destroy(c->links[i]);
	free(c);
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
			t->skel->bss->watched[tid & (TAPE_WATCHED - 1)] =
				tape_watch_value((uint32_t)tid);
	}
	closedir(dir);
}

void timing_watch_unseen(struct timing *t, pid_t pid)
{
	if (!t->skel->bss->watched[(uint32_t)pid & (TAPE_WATCHED - 1)])
		timing_watch(t, pid);
}

int timing_begin_reading(struct timing *t)
{
	t->ring = ring_buffer__new(timing_ring(t), hand_over, t, NULL);
	return t->ring ? 0 : errno ? -errno : -ENOMEM;
}

void timing_consume(struct timing *t, timing_sink *sink, void *context)
{
	t->sink = sink;
	t->sink_context = context;
	ring_buffer__consume(t->ring);
}

int timing_ring(const struct timing *t)
{
	return bpf_map__fd(t->skel->maps.tape);
}

int timing_dropped_map(const struct timing *t)
{
	return bpf_map__fd(t->skel->maps.tape_dropped);
}

uint64_t timing_dropped(const struct timing *t)
{
	uint32_t first = 0;
	uint64_t dropped = 0;

	bpf_map_lookup_elem(timing_dropped_map(t), &first, &dropped);
	return dropped;
}

struct load_cost timing_cost(const struct timing *t)
{
	struct bpf_program *program;
	struct load_cost sum = {0};

	for (int i = 0; i < TAPE_KINDS; i++) {
		sum.runs += __atomic_load_n(&t->skel->bss->costs[i].runs, __ATOMIC_RELAXED);
		sum.ns += __atomic_load_n(&t->skel->bss->costs[i].ns, __ATOMIC_RELAXED);
	}
	bpf_object__for_each_program(program, t->skel->obj) sum.missed +=
		load_missed(bpf_program__fd(program));
	return sum;
}
