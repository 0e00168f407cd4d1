/* SPDX-License-Identifier: Apache-2.0 */
/* probe_load.c - has the kernel take the programs, as many as it takes. */
#include "tap/probe_parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/log.h"
#include "bpf/decode/hpack_huffman.h"
#include "tap/parts.h"

/* A run that needs more steps goes on in the program of its kind. */
static int fill_continuations(const struct probe *p)
{
	const struct telltale_bpf *skel = p->skel;
	const struct {
		const struct bpf_map *map;
		const struct bpf_program *program;
	} continuations[] = {
		{skel->maps.in_socket, skel->progs.socket_in},
		{skel->maps.out_socket, skel->progs.socket_out},
		{skel->maps.follow_socket, skel->progs.socket_follow},
		{skel->maps.settle_socket, skel->progs.socket_settle},
		{skel->maps.turn_socket, skel->progs.socket_turn},
		{skel->maps.step_socket, skel->progs.socket_step},
		{skel->maps.walk_socket, skel->progs.socket_walk},
		{skel->maps.step_tls, skel->progs.tls_stepped},
		{skel->maps.walk_tls, skel->progs.tls_walked},
	};

	for (size_t i = 0; i < sizeof(continuations) / sizeof(continuations[0]); i++) {
		uint32_t zero = 0;
		int fd = probe_program(p, continuations[i].program);

		if (fd >= 0 &&
		    bpf_map_update_elem(bpf_map__fd(continuations[i].map), &zero, &fd, BPF_ANY))
			return -errno;
	}
	return 0;
}

static void choose_uprobes(struct probe *p)
{
	p->way = uprobe_choose_way();
	p->cookies = uprobe_has_cookies();
	p->skel->rodata->tls_sessions = p->way == UPROBE_SESSIONS;
	p->skel->rodata->tls_cookies = p->cookies;
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
	else if (err == -EAGAIN)
		fix = "signals interrupted it again and again: start it once more";
	else if (err == -ENOMEM)
		fix = "raise the memory limit of the service";
	else if (err == -EMFILE || err == -ENFILE)
		fix = "raise the limit of open files (LimitNOFILE= of the service, or fs.file-max)";
	snprintf(why, why_len, "the kernel does not take the BPF programs: %s; %s", strerror(-err),
		 fix);
}

/* Streams in HTTP/2 of all targets, and at least so many of each. A ninth of them is for answers to
 * requests that found no room: see tap_streams.h. */
#define STREAMS      8192
#define STREAMS_EACH 64
/* TLS connections in HTTP/2 of all targets. */
#define HTTP2_TLS 256

static uint32_t streams_max(size_t targets)
{
	return targets * STREAMS_EACH > STREAMS ? (uint32_t)targets * STREAMS_EACH : STREAMS;
}

/* HTTP/2's largest tables: most hosts have nothing in them. */
static int set_tables(struct probe *p, size_t targets)
{
	struct bpf_map *const maps[] = {p->skel->maps.http2_streams, p->skel->maps.http2_tls_conns};
	const uint32_t entries[] = {streams_max(targets), HTTP2_TLS};
	int err = 0;

	for (size_t i = 0; i < 2 && !err; i++) {
		err = bpf_map__set_max_entries(maps[i], entries[i]);
		if (!err && p->plan.grows)
			err = bpf_map__set_map_flags(maps[i], BPF_F_NO_PREALLOC);
	}
	return err;
}

/* Opens the object, sets its parameters, and makes its maps. */
static int make_maps(struct probe *p, const struct siphash_key *hashes,
		     const struct siphash_key *host)
{
	/* Some more for connections on which the targets answer. */
	const size_t targets = p->targets_len ? p->targets_len : 1;
	const size_t reserve = (p->tls_connections / 8 / targets + 1) * targets;
	struct bpf_program *program;
	int err;

	p->skel = parts_open();
	if (!p->skel)
		return errno ? -errno : -ENOMEM;
	*(struct siphash_key *)&p->skel->rodata->session_secret = *hashes;
	*(struct siphash_key *)&p->skel->rodata->host_secret = *host;
	p->skel->rodata->ring_high_water = PROBE_RING_BYTES / 2;
	p->skel->rodata->tls_share = p->tls_connections / targets;
	p->skel->rodata->tls_reserve = reserve / targets;
	hpack_huffman_fill((uint32_t *)p->skel->rodata->hpack_table);
	p->skel->rodata->streams_share = streams_max(targets) / targets * 8 / 9;
	p->skel->rodata->http2_tls_share = (HTTP2_TLS + targets - 1) / targets;
	if (p->plan.tls)
		choose_uprobes(p);
	bpf_object__for_each_program(program, p->skel->obj)
		bpf_program__set_autoload(program, false);
	err = bpf_map__set_max_entries(p->skel->maps.ring, PROBE_RING_BYTES);
	if (!err)
		err = bpf_map__set_max_entries(p->skel->maps.tls_flows,
					       (uint32_t)(p->tls_connections + reserve));
	if (!err)
		err = set_tables(p, targets);
	return err ? err : telltale_bpf__load(p->skel);
}

static void leave_witness(struct probe *p, int err)
{
	p->plan.witness = false;
	if (!lacks_sys("the programs that look at sockets", p->witness_why, sizeof(p->witness_why)))
		snprintf(p->witness_why, sizeof(p->witness_why),
			 "the kernel does not take the programs that look at sockets (%s): it has "
			 "no BTF, is older than 5.16, or is in lockdown mode confidentiality",
			 strerror(-err));
}

/* Will the same attempt succeed another time? Then it says nothing of what the kernel takes. */
static bool is_passing(int err)
{
	return err == -EAGAIN || err == -EINTR || err == -EMFILE || err == -ENFILE;
}

/* Everything that the kernel takes; without the programs for sockets nothing. */
int probe_load(struct probe *p, const struct siphash_key *host)
{
	int err = load_keep_user_reads(), errs[PARTS];

	if (err)
		return err;
	load_plan(&p->plan);
	err = make_maps(p, &p->hashes, host);
	if (err)
		return err;
	if (!p->plan.witness)
		leave_witness(p, -EOPNOTSUPP);
	parts_load(p->skel, &p->plan, p->way, p->kept.programs, errs);
	if (errs[PART_SOCKETS] || errs[PART_SOCKETS_MORE])
		return errs[PART_SOCKETS] ? errs[PART_SOCKETS] : errs[PART_SOCKETS_MORE];
	if (errs[PART_TLS] == -ENOMEM || is_passing(errs[PART_TLS]))
		return errs[PART_TLS];
	if (is_passing(errs[PART_WITNESS]))
		return errs[PART_WITNESS];
	if (errs[PART_TLS])
		load_without_tls(&p->plan, errs[PART_TLS]);
	if (errs[PART_WITNESS])
		leave_witness(p, errs[PART_WITNESS]);
	return fill_continuations(p);
}
