/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/parts.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "base/log.h"
#include "base/signals.h"
#include "bpf/decode/siphash.h"
#include "bpf/telltale.skel.h"
#include "tap/kept.h"
#include "tap/object.h"

/* The kernel ends the verification of a program with EAGAIN when a signal comes, also one that
 * stops the process, as a debugger or the cgroup's freezer does. libbpf tries each program five
 * times. */
#define LOAD_TRIES 20

struct job {
	enum part part;
	struct telltale_bpf *maps;
	const struct load_plan *plan;
	enum uprobe_way way;
	int *programs; /* each job sets those of its own part */
	int err;
	pthread_t thread;
};

/*
 * Without a kernel's BTF the library loads no object that has programs fitted to the kernel, though
 * these are not to be loaded. It is given the object's own instead, which nothing is fitted to.
 */
static struct telltale_bpf *open_without_btf(void)
{
	struct telltale_bpf *skel = object_open(NULL);
	int fd = skel ? memfd_create("btf", MFD_CLOEXEC) : -1;
	char path[32];
	LIBBPF_OPTS(bpf_object_open_opts, opts, .btf_custom_path = path);
	const void *raw;
	uint32_t len;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	raw = skel ? btf__raw_data(bpf_object__btf(skel->obj), &len) : NULL;
	if (fd < 0 || !raw || write(fd, raw, len) != (ssize_t)len) {
		if (fd >= 0)
			close(fd);
		return skel;
	}
	telltale_bpf__destroy(skel);
	skel = object_open(&opts);
	/* It is read when the object is loaded: the descriptor stays open. */
	return skel;
}

struct telltale_bpf *parts_open(void)
{
	return load_has_btf() ? object_open(NULL) : open_without_btf();
}

/* Of the programs for sockets every other is in one half: then both take about as long. */
static enum part part_of(const struct bpf_program *program, unsigned number)
{
	bool http2 = strstr(bpf_program__name(program), "http2") != NULL;

	switch (bpf_program__type(program)) {
	case BPF_PROG_TYPE_KPROBE: return http2 ? PART_HTTP2_TLS : PART_TLS;
	case BPF_PROG_TYPE_RAW_TRACEPOINT: return PART_TLS;
	case BPF_PROG_TYPE_TRACING: return PART_WITNESS;
	default:
		if (http2)
			return PART_HTTP2;
		return number % 2 ? PART_SOCKETS_MORE : PART_SOCKETS;
	}
}

static void set_ways(struct telltale_bpf *skel, enum uprobe_way way)
{
	const enum uprobe_when returns = way == UPROBE_SESSIONS ? UPROBE_SESSION : UPROBE_RETURN;
	struct bpf_program *const both[] = {
		skel->progs.tls_write,         skel->progs.tls_read,    skel->progs.tls_write_ex,
		skel->progs.tls_read_ex,       skel->progs.tls_stepped, skel->progs.tls_walked,
		skel->progs.tls_http2_stepped,
	};
	struct bpf_program *const enter[] = {skel->progs.tls_write_enter,
					     skel->progs.tls_read_enter};

	uprobe_set_way(skel->progs.tls_ended, way, UPROBE_ENTRY);
	uprobe_set_way(skel->progs.tls_begun, way, UPROBE_ENTRY);
	for (size_t i = 0; i < sizeof(both) / sizeof(both[0]); i++)
		uprobe_set_way(both[i], way, returns);
	for (size_t i = 0; i < sizeof(enter) / sizeof(enter[0]); i++) {
		uprobe_set_way(enter[i], way, UPROBE_ENTRY);
		if (way == UPROBE_SESSIONS)
			bpf_program__set_autoload(enter[i], false);
	}
}

static int share_maps(struct telltale_bpf *skel, const struct telltale_bpf *maps)
{
	struct bpf_map *map, *theirs = NULL;
	int err;

	bpf_object__for_each_map(map, skel->obj)
	{
		theirs = bpf_object__next_map(maps->obj, theirs);
		err = bpf_map__reuse_fd(map, bpf_map__fd(theirs));
		if (err)
			return err;
	}
	return 0;
}

static void choose(const struct job *j, struct telltale_bpf *skel)
{
	struct bpf_program *program;
	unsigned i = 0;

	load_choose(skel->obj, j->plan);
	set_ways(skel, j->way);
	bpf_object__for_each_program(program, skel->obj)
	{
		if (part_of(program, i++) != j->part)
			bpf_program__set_autoload(program, false);
	}
}

/* Takes the descriptors out of SKEL. */
static int take(const struct job *j, const struct telltale_bpf *skel)
{
	struct bpf_program *program;
	unsigned i = 0;

	bpf_object__for_each_program(program, skel->obj)
	{
		int fd = bpf_program__autoload(program) ? bpf_program__fd(program) : -1;

		if (i == KEPT_PROGRAMS)
			return -E2BIG;
		if (fd >= 0) {
			j->programs[i] = fcntl(fd, F_DUPFD_CLOEXEC, 3);
			if (j->programs[i] < 0)
				return -errno;
		}
		i++;
	}
	return 0;
}

/* A part is loaded whole or not at all. */
static void let_go(const struct job *j, const struct telltale_bpf *skel)
{
	struct bpf_program *program;
	unsigned i = 0;

	bpf_object__for_each_program(program, skel->obj)
	{
		if (i < KEPT_PROGRAMS && part_of(program, i) == j->part && j->programs[i] >= 0) {
			close(j->programs[i]);
			j->programs[i] = -1;
		}
		i++;
	}
}

static int try_to_load(const struct job *j)
{
	struct telltale_bpf *skel = parts_open();
	int err;

	if (!skel)
		return errno ? -errno : -ENOMEM;
	choose(j, skel);
	err = share_maps(skel, j->maps);
	if (!err)
		err = telltale_bpf__load(skel);
	if (!err)
		err = take(j, skel);
	if (err)
		let_go(j, skel);
	telltale_bpf__destroy(skel);
	return err;
}

static void *load(void *context)
{
	struct job *j = context;

	j->err = try_to_load(j);
	for (unsigned i = 1; i < LOAD_TRIES && j->err == -EAGAIN; i++) {
		log_info("probe", "a signal interrupted the kernel as it verified the programs: "
				  "they are loaded once more");
		j->err = try_to_load(j);
	}
	return NULL;
}

int parts_load_one(struct telltale_bpf *maps, const struct load_plan *plan, enum uprobe_way way,
		   enum part part, int *programs)
{
	struct job j = {.part = part, .maps = maps, .plan = plan, .way = way, .programs = programs};

	load(&j);
	return j.err;
}

static bool has(const struct load_plan *plan, enum part part)
{
	return part == PART_TLS ? plan->tls : part != PART_WITNESS || plan->witness;
}

void parts_load(struct telltale_bpf *maps, const struct load_plan *plan, enum uprobe_way way,
		int *programs, int errs[PARTS])
{
	struct job jobs[PARTS];
	bool threads[PARTS] = {false};

	for (unsigned i = 0; i < PARTS; i++) {
		jobs[i] = (struct job){
			.part = i, .maps = maps, .plan = plan, .way = way, .programs = programs};
		if (i != PART_SOCKETS && has(plan, i))
			threads[i] = !signals_thread(&jobs[i].thread, load, &jobs[i]);
	}
	for (unsigned i = 0; i < PARTS; i++) {
		if (threads[i])
			pthread_join(jobs[i].thread, NULL);
		else if (has(plan, i))
			load(&jobs[i]);
		errs[i] = jobs[i].err;
	}
}
