/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/uprobe.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

/* From the kernel's interface; the headers this is built with may be older. */
#define TRACE_UPROBE_MULTI   48
#define TRACE_UPROBE_SESSION 57
#define UPROBE_MULTI_RETURN  1

/* The part of union bpf_attr that BPF_LINK_CREATE reads for a uprobe_multi link. */
struct link_create_attr {
	uint32_t prog_fd, target_fd, attach_type, flags;
	uint64_t path;
	uint64_t offsets;
	uint64_t ref_ctr_offsets;
	uint64_t cookies;
	uint32_t cnt;
	uint32_t uprobe_flags;
	uint32_t pid;
	uint32_t pad;
};

static int link_create(int program_fd, pid_t pid, const char *path, const uint64_t *offsets,
		       size_t len, enum uprobe_when when, const uint64_t *cookies)
{
	struct link_create_attr attr = {
		.prog_fd = (uint32_t)program_fd,
		.attach_type = when == UPROBE_SESSION ? TRACE_UPROBE_SESSION : TRACE_UPROBE_MULTI,
		.path = (uintptr_t)path,
		.offsets = (uintptr_t)offsets,
		.cookies = (uintptr_t)cookies,
		.cnt = (uint32_t)len,
		.uprobe_flags = when == UPROBE_RETURN ? UPROBE_MULTI_RETURN : 0,
		.pid = (uint32_t)pid,
	};
	int fd = (int)syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));

	return fd < 0 ? -errno : fd;
}

/* A link on a directory: a kernel that knows the kind complains of the directory. For a process
 * that cannot be, one that sees all threads of a process complains of the process first; older ones
 * saw its first thread alone. */
static bool has_links(enum uprobe_when when)
{
	static const struct bpf_insn nothing[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	int type = when == UPROBE_SESSION ? TRACE_UPROBE_SESSION : TRACE_UPROBE_MULTI;
	DECLARE_LIBBPF_OPTS(bpf_prog_load_opts, opts,
			    .expected_attach_type = (enum bpf_attach_type)type);
	uint64_t offset = 0;
	int fd = bpf_prog_load(BPF_PROG_TYPE_KPROBE, "telltale_try", "GPL", nothing, 2, &opts);
	int known, threads;

	if (fd < 0)
		return false;
	known = link_create(fd, 0, "/", &offset, 1, when, NULL);
	threads = link_create(fd, -1, "/", &offset, 1, when, NULL);
	close(fd);
	if (known >= 0)
		close(known);
	if (threads >= 0)
		close(threads);
	return known == -EBADF && threads == -EINVAL;
}

bool uprobe_has_multi(void)
{
	return has_links(UPROBE_ENTRY);
}

enum uprobe_way uprobe_choose_way(void)
{
	if (!uprobe_has_multi())
		return UPROBE_PERF;
	return has_links(UPROBE_SESSION) ? UPROBE_SESSIONS : UPROBE_MULTI;
}

bool uprobe_has_cookies(void)
{
	return libbpf_probe_bpf_helper(BPF_PROG_TYPE_KPROBE, BPF_FUNC_get_attach_cookie, NULL) == 1;
}

void uprobe_set_way(struct bpf_program *program, enum uprobe_way way, enum uprobe_when when)
{
	int type = when == UPROBE_SESSION ? TRACE_UPROBE_SESSION : TRACE_UPROBE_MULTI;

	if (way != UPROBE_PERF)
		bpf_program__set_expected_attach_type(program, (enum bpf_attach_type)type);
}

/* A number that /sys says of the kernel's own performance events; -1: it says nothing. */
static int perf_says(const char *what, const char *format)
{
	char path[96];
	int number = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/bus/event_source/devices/uprobe/%s", what);
	f = fopen(path, "re");
	if (!f)
		return -1;
	if (fscanf(f, format, &number) != 1)
		number = -1;
	fclose(f);
	return number;
}

/* The event of one place in PATH, for PID alone. */
static int open_event(enum uprobe_when when, pid_t pid, const char *path, uint64_t offset)
{
	int type = perf_says("type", "%d"), bit = perf_says("format/retprobe", "config:%d");
	struct perf_event_attr attr = {.size = sizeof(attr)};
	int fd;

	if (type < 0 || bit < 0)
		return -ENOENT;
	attr.type = (uint32_t)type;
	attr.config = when == UPROBE_RETURN ? 1ull << bit : 0;
	attr.uprobe_path = (uintptr_t)path;
	attr.probe_offset = offset;
	fd = (int)syscall(SYS_perf_event_open, &attr, pid, -1, -1, PERF_FLAG_FD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Has EVENT run PROGRAM. Returns the descriptor that keeps it so: a link, which alone carries
 * cookies (Linux 5.15), or the event itself. */
static int run_on_event(int event, int program, uint64_t cookie)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .perf_event.bpf_cookie = cookie);
	int link = bpf_link_create(program, event, BPF_PERF_EVENT, &opts);

	if (link < 0 && cookie)
		return link;
	if (link < 0 && ioctl(event, PERF_EVENT_IOC_SET_BPF, program))
		return -errno;
	if (ioctl(event, PERF_EVENT_IOC_ENABLE, 0)) {
		int err = -errno;

		if (link >= 0)
			close(link);
		return err;
	}
	return link < 0 ? event : link;
}

static int attach_perf(struct uprobe *u, const struct uprobe_point *point, pid_t pid,
		       const char *path, uint64_t offset, uint64_t cookie)
{
	int event = open_event(point->when, pid, path, offset), kept;

	if (event < 0)
		return event;
	kept = run_on_event(event, point->program, cookie);
	if (kept != event)
		close(event); /* a link keeps it */
	if (kept < 0)
		return kept;
	u->fds[u->fds_len++] = kept;
	return 0;
}

static int attach_multi(struct uprobe *u, const struct uprobe_point *point, pid_t pid,
			const char *path, const uint64_t *places, size_t n, const uint64_t *cookies)
{
	int fd = link_create(point->program, pid, path, places, n, point->when,
			     cookies[0] ? cookies : NULL);

	if (fd < 0)
		return fd;
	u->fds[u->fds_len++] = fd;
	return 0;
}

int uprobe_attach(struct uprobe *u, const struct uprobe_point *point, enum uprobe_way way,
		  pid_t pid, const char *path)
{
	uint64_t places[UPROBE_PLACES], cookies[UPROBE_PLACES];
	bool multi = way != UPROBE_PERF;
	size_t n = 0;
	int err = 0;

	memset(u, 0, sizeof(*u));
	for (size_t i = 0; i < UPROBE_PLACES; i++) {
		if (!point->offsets[i])
			continue;
		cookies[n] = point->cookies[i];
		places[n++] = point->offsets[i];
	}
	if (n && multi)
		return attach_multi(u, point, pid, path, places, n, cookies);
	for (size_t i = 0; i < n && !err; i++)
		err = attach_perf(u, point, pid, path, places[i], cookies[i]);
	if (err)
		uprobe_detach(u);
	return err;
}

void uprobe_detach(struct uprobe *u)
{
	while (u->fds_len > 0)
		close(u->fds[--u->fds_len]);
}
