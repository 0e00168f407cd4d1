/* SPDX-License-Identifier: Apache-2.0 */
/* probe_load.c - has the kernel take the programs, as many as it takes. */
#include "tap/probe_parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "base/log.h"
#include "bpf/decode/hpack_huffman.h"

/* A run that needs more steps goes on in the program of its kind. */
static int fill_continuations(struct telltale_bpf *skel)
{
	const struct {
		const struct bpf_map *map;
		const struct bpf_program *program;
	} continuations[] = {
		{skel->maps.follow_socket, skel->progs.socket_follow},
		{skel->maps.settle_socket, skel->progs.socket_settle},
		{skel->maps.turn_socket, skel->progs.socket_turn},
		{skel->maps.step_socket, skel->progs.socket_step},
		{skel->maps.walk_socket, skel->progs.socket_walk},
		{skel->maps.http2_join, skel->progs.socket_join},
		{skel->maps.http2_socket, skel->progs.socket_http2},
		{skel->maps.http2_piece, skel->progs.socket_http2_piece},
		{skel->maps.step_tls, skel->progs.tls_stepped},
		{skel->maps.http2_tls_step, skel->progs.tls_http2_stepped},
		{skel->maps.walk_tls, skel->progs.tls_walked},
	};

	for (size_t i = 0; i < sizeof(continuations) / sizeof(continuations[0]); i++) {
		uint32_t zero = 0;
		int fd = bpf_program__fd(continuations[i].program);

		if (!bpf_program__autoload(continuations[i].program))
			continue;
		if (bpf_map_update_elem(bpf_map__fd(continuations[i].map), &zero, &fd, BPF_ANY))
			return -errno;
	}
	return 0;
}

static void choose_uprobes(struct probe *p)
{
	struct bpf_program *const both[] = {
		p->skel->progs.tls_write,   p->skel->progs.tls_read,    p->skel->progs.tls_write_ex,
		p->skel->progs.tls_read_ex, p->skel->progs.tls_stepped, p->skel->progs.tls_walked,
		p->skel->progs.tls_http2_stepped,
	};
	struct bpf_program *const enter[] = {p->skel->progs.tls_write_enter,
					     p->skel->progs.tls_read_enter};

	p->way = uprobe_choose_way();
	p->cookies = uprobe_has_cookies();
	p->skel->rodata->tls_sessions = p->way == UPROBE_SESSIONS;
	p->skel->rodata->tls_cookies = p->cookies;
	uprobe_set_way(p->skel->progs.tls_ended, p->way, UPROBE_ENTRY);
	uprobe_set_way(p->skel->progs.tls_begun, p->way, UPROBE_ENTRY);
	for (size_t i = 0; i < sizeof(both) / sizeof(both[0]); i++)
		uprobe_set_way(both[i], p->way, probe_returns(p));
	for (size_t i = 0; i < sizeof(enter) / sizeof(enter[0]); i++) {
		uprobe_set_way(enter[i], p->way, UPROBE_ENTRY);
		bpf_program__set_autoload(enter[i], p->way != UPROBE_SESSIONS);
	}
}

/* What cannot be tried is taken to be harmless: attaching will not work any better. */
void probe_try_filtered(struct probe *p)
{
	int harms = 1;

	/* A kernel that harms does so each time. A child that ends for another reason, as killed
	 * for want of memory, is no reason to leave TLS unread for as long as this runs. */
	for (int i = 0; i < 3 && harms > 0; i++)
		harms = uprobe_try_filtered(probe_program(p, p->skel->progs.tls_read), p->way,
					    NULL);
	p->harms_filtered = harms > 0;
	if (harms < 0)
		log_debug("probe", "cannot try breakpoints under a seccomp filter: %s",
			  strerror(-harms));
}

/* libbpf calls this short of memory, or says that there is no BTF. */
static bool lacks_sys(const char *what, char *why, size_t why_len)
{
	if (!access("/sys/devices/system/cpu/possible", R_OK))
		return false;
	snprintf(why, why_len,
		 "%s cannot be loaded: /sys/devices/system/cpu/possible cannot be read: %s; mount "
		 "/sys here (`mount -t sysfs sysfs /sys`), in a container read-only",
		 what, strerror(errno));
	return true;
}

void probe_explain_load(int err, char *why, size_t why_len)
{
	const char *fix = "`telltale check` says what this kernel lacks";

	if (lacks_sys("the BPF programs", why, why_len))
		return;
	if ((err == -EPERM || err == -EACCES) && load_is_sandboxed())
		fix = "a seccomp filter refuses bpf() to this process, although it has the "
		      "capabilities: allow bpf() and perf_event_open() in the container's profile "
		      "(podman, docker: --security-opt seccomp=FILE) or the unit's "
		      "SystemCallFilter=";
	else if (err == -EPERM || err == -EACCES)
		fix = "run as root, or with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON, and before "
		      "Linux 5.11 with LimitMEMLOCK=infinity (`ulimit -l unlimited`)";
	else if (err == -ENOMEM)
		fix = "raise the memory limit of the service";
	snprintf(why, why_len, "the kernel does not take the BPF programs: %s; %s", strerror(-err),
		 fix);
}

/*
 * Without a kernel's BTF the library loads no object that has programs fitted to the kernel, though
 * these are not to be loaded. It is given the object's own instead, which nothing is fitted to.
 */
static struct telltale_bpf *open_without_btf(void)
{
	struct telltale_bpf *skel = telltale_bpf__open();
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
	skel = telltale_bpf__open_opts(&opts);
	/* It is read when the object is loaded: the descriptor stays open. */
	return skel;
}

/* Opens the programs, sets their parameters, and loads those that the plan has. */
static int load(struct probe *p, const struct siphash_key *session, const struct siphash_key *host)
{
	/* Some more for connections on which the targets answer. */
	const size_t targets = p->targets_len ? p->targets_len : 1;
	const size_t reserve = (p->tls_connections / 8 / targets + 1) * targets;
	int err;

	p->skel = load_has_btf() ? telltale_bpf__open() : open_without_btf();
	if (!p->skel)
		return errno ? -errno : -ENOMEM;
	*(struct siphash_key *)&p->skel->rodata->session_secret = *session;
	*(struct siphash_key *)&p->skel->rodata->host_secret = *host;
	p->skel->rodata->ring_high_water = PROBE_RING_BYTES / 2;
	p->skel->rodata->tls_share = p->tls_connections / targets;
	p->skel->rodata->tls_reserve = reserve / targets;
	hpack_huffman_fill((uint32_t *)p->skel->rodata->hpack_table);
	p->skel->rodata->streams_share =
		bpf_map__max_entries(p->skel->maps.http2_streams) / targets;
	load_choose(p->skel->obj, &p->plan);
	if (p->plan.tls)
		choose_uprobes(p);
	err = bpf_map__set_max_entries(p->skel->maps.ring, PROBE_RING_BYTES);
	if (!err)
		err = bpf_map__set_max_entries(p->skel->maps.tls_flows,
					       (uint32_t)(p->tls_connections + reserve));
	return err ? err : telltale_bpf__load(p->skel);
}

/* Are the programs of the witness taken? Tried by themselves, in small maps, because trying all
 * takes seconds. */
static void try_witness(struct probe *p)
{
	struct telltale_bpf *skel = p->plan.witness ? telltale_bpf__open() : NULL;
	struct bpf_program *program;
	int err = -EOPNOTSUPP;

	if (skel) {
		bpf_object__for_each_program(program, skel->obj) bpf_program__set_autoload(
			program, bpf_program__type(program) == BPF_PROG_TYPE_TRACING);
		bpf_map__set_max_entries(skel->maps.ring, 4096);
		bpf_map__set_max_entries(skel->maps.tls_flows, 1);
		err = telltale_bpf__load(skel);
		telltale_bpf__destroy(skel);
	}
	p->plan.witness = !err;
	if (err &&
	    !lacks_sys("the programs that look at sockets", p->witness_why, sizeof(p->witness_why)))
		snprintf(p->witness_why, sizeof(p->witness_why),
			 "the kernel does not take the programs that look at sockets (%s): it has "
			 "no BTF, or is older than 5.16",
			 strerror(-err));
}

/* Everything; or, when that is refused, everything but TLS. What is refused then is announced as
 * the first time. */
static int load_what_can_be(struct probe *p, const struct siphash_key *session,
			    const struct siphash_key *host)
{
	int err = load_keep_user_reads(), again;

	if (err)
		return err;
	load_plan(&p->plan);
	try_witness(p);
	err = load(p, session, host);
	if (!err || !p->plan.tls || err == -ENOMEM)
		return err;
	telltale_bpf__destroy(p->skel);
	load_without_tls(&p->plan, err);
	again = load(p, session, host);
	return again ? err : 0;
}

int probe_load(struct probe *p, const struct siphash_key *host)
{
	int err = load_what_can_be(p, &p->session, host);

	return err ? err : fill_continuations(p->skel);
}
