/* SPDX-License-Identifier: Apache-2.0 */
#include "uprobe.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

/* From the kernel's interface; the headers this is built with may be older. */
#define TRACE_UPROBE_MULTI  48
#define UPROBE_MULTI_RETURN 1

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
		       size_t len, bool at_return)
{
	struct link_create_attr attr = {
		.prog_fd = (uint32_t)program_fd,
		.attach_type = TRACE_UPROBE_MULTI,
		.path = (uintptr_t)path,
		.offsets = (uintptr_t)offsets,
		.cnt = (uint32_t)len,
		.uprobe_flags = at_return ? UPROBE_MULTI_RETURN : 0,
		.pid = (uint32_t)pid,
	};
	int fd = (int)syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));

	return fd < 0 ? -errno : fd;
}

/* A link on a directory: a kernel that knows the kind complains of the directory. For a process
 * that cannot be, one that sees all threads of a process complains of the process first; older ones
 * saw its first thread alone. */
bool uprobe_has_multi(void)
{
	static const struct bpf_insn nothing[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	DECLARE_LIBBPF_OPTS(bpf_prog_load_opts, opts,
			    .expected_attach_type = (enum bpf_attach_type)TRACE_UPROBE_MULTI);
	uint64_t offset = 0;
	int fd = bpf_prog_load(BPF_PROG_TYPE_KPROBE, "telltale_try", "GPL", nothing, 2, &opts);
	int known, threads;

	if (fd < 0)
		return false;
	known = link_create(fd, 0, "/", &offset, 1, false);
	threads = link_create(fd, -1, "/", &offset, 1, false);
	close(fd);
	if (known >= 0)
		close(known);
	if (threads >= 0)
		close(threads);
	return known == -EBADF && threads == -EINVAL;
}

void uprobe_set_multi(struct bpf_program *program)
{
	bpf_program__set_expected_attach_type(program, (enum bpf_attach_type)TRACE_UPROBE_MULTI);
}

static int attach_perf(struct uprobe *u, const struct bpf_program *program, pid_t pid,
		       const char *path, uint64_t offset, bool at_return)
{
	DECLARE_LIBBPF_OPTS(bpf_uprobe_opts, opts, .retprobe = at_return);
	struct bpf_link *link = bpf_program__attach_uprobe_opts(program, pid, path, offset, &opts);

	if (!link)
		return -errno;
	u->links[u->links_len++] = link;
	return 0;
}

int uprobe_attach(struct uprobe *u, const struct bpf_program *program, bool multi, pid_t pid,
		  const char *path, const uint64_t offsets[UPROBE_PLACES], bool at_return)
{
	uint64_t places[UPROBE_PLACES];
	size_t n = 0;
	int err = 0;

	memset(u, 0, sizeof(*u));
	u->fd = -1;
	for (size_t i = 0; i < UPROBE_PLACES; i++) {
		if (offsets[i])
			places[n++] = offsets[i];
	}
	if (!n)
		return 0;
	if (multi) {
		u->fd = link_create(bpf_program__fd(program), pid, path, places, n, at_return);
		err = u->fd < 0 ? u->fd : 0;
	}
	for (size_t i = 0; i < n && !multi && !err; i++)
		err = attach_perf(u, program, pid, path, places[i], at_return);
	if (err)
		uprobe_detach(u);
	return err;
}

void uprobe_detach(struct uprobe *u)
{
	if (u->fd >= 0)
		close(u->fd);
	u->fd = -1;
	for (size_t i = 0; i < u->links_len; i++)
		bpf_link__destroy(u->links[i]);
	u->links_len = 0;
}
