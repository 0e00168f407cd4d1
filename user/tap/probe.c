/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "base/clock.h"
#include "bpf/shared.h"
#include "bpf/telltale.skel.h"
#include "tap/detacher.h"
#include "tap/load.h"
#include "tap/namespaces.h"
#include "base/log.h"
#include "target/follow.h"
#include "tap/tls_flows.h"
#include "tap/uprobe.h"

_Static_assert(CONFIG_TARGETS_MAX == SHARED_TARGETS_MAX, "the programs number the same targets");
_Static_assert(FOLLOW_CGROUPS_MAX == SHARED_CGROUPS_MAX, "the programs know the same cgroups");

/* Connections followed at once, over all targets, each with its share: some 50 MB at the most. */
#define PROBE_FLOWS_MAX 8192
#define DETACH_MS       3000 /* for breakpoints, at the end; SIGTERM is done within five seconds */

struct probe {
	struct telltale_bpf *skel;
	struct ring_buffer *execs;
	size_t targets_len;
	bool unbounded; /* not every closed socket is told of: flows_max stays 0 */
	struct bpf_link *exec, *states;
	char witness_why[192]; /* why there is no witness; "": there is one */
	struct detacher *detacher;
	enum uprobe_way way; /* uprobes are attached */
	bool cookies;        /* ... and tell what is known of their library */
	bool pids_are_ours;
	bool harms_filtered;
	struct load_plan plan;
	size_t tls_connections;
	struct tls_flows *tls_flows;
	void (*each)(void *context, const struct record_exec *record); /* in probe_execs */
	void *each_context;
};

#define PROBE_CGROUP_LINKS 3

/* Some programs attached to one cgroup. */
struct probe_cgroup {
	uint64_t id;
	int links[PROBE_CGROUP_LINKS]; /* descriptors; -1: not attached */
};

#define PROBE_TLS_POINTS 8

struct probe_tls {
	struct uprobe points[PROBE_TLS_POINTS];
	size_t points_len;
};

static int exec_begun(void *context, void *record, size_t size)
{
	struct probe *p = context;

	if (size >= sizeof(struct record_exec))
		p->each(p->each_context, record);
	return 0;
}

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
		{skel->maps.step_tls, skel->progs.tls_stepped},
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

/* When the programs that see calls return are run. */
static enum uprobe_when returns(const struct probe *p)
{
	return p->way == UPROBE_SESSIONS ? UPROBE_SESSION : UPROBE_RETURN;
}

static void choose_uprobes(struct probe *p)
{
	struct bpf_program *const both[] = {
		p->skel->progs.tls_write,   p->skel->progs.tls_read,    p->skel->progs.tls_write_ex,
		p->skel->progs.tls_read_ex, p->skel->progs.tls_stepped, p->skel->progs.tls_walked,
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
		uprobe_set_way(both[i], p->way, returns(p));
	for (size_t i = 0; i < sizeof(enter) / sizeof(enter[0]); i++) {
		uprobe_set_way(enter[i], p->way, UPROBE_ENTRY);
		bpf_program__set_autoload(enter[i], p->way != UPROBE_SESSIONS);
	}
}

/* What cannot be tried is taken to be harmless: attaching will not work any better. */
static void try_filtered(struct probe *p)
{
	int harms = 1;

	/* A kernel that harms does so each time. A child that ends for another reason, as killed
	 * for want of memory, is no reason to leave TLS unread for as long as this runs. */
	for (int i = 0; i < 3 && harms > 0; i++)
		harms = uprobe_try_filtered(p->skel->progs.tls_read, p->way, NULL);
	p->harms_filtered = harms > 0;
	if (harms < 0)
		log_debug("probe", "cannot try breakpoints under a seccomp filter: %s",
			  strerror(-harms));
}

static void explain_load(int err, char *why, size_t why_len)
{
	const char *fix = "`telltale check` says what this kernel lacks";

	/* libbpf calls this short of memory. */
	if (access("/sys/devices/system/cpu/possible", R_OK)) {
		snprintf(why, why_len,
			 "the BPF programs cannot be loaded: /sys/devices/system/cpu/possible "
			 "cannot be read: %s; mount /sys here (`mount -t sysfs sysfs /sys`), in a "
			 "container read-only",
			 strerror(errno));
		return;
	}
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
	int err;

	p->skel = load_has_btf() ? telltale_bpf__open() : open_without_btf();
	if (!p->skel)
		return errno ? -errno : -ENOMEM;
	*(struct siphash_key *)&p->skel->rodata->session_secret = *session;
	*(struct siphash_key *)&p->skel->rodata->host_secret = *host;
	p->skel->rodata->ring_high_water = PROBE_RING_BYTES / 2;
	p->skel->rodata->tls_share = p->tls_connections / (p->targets_len ? p->targets_len : 1);
	load_choose(p->skel->obj, &p->plan);
	if (p->plan.tls)
		choose_uprobes(p);
	err = bpf_map__set_max_entries(p->skel->maps.ring, PROBE_RING_BYTES);
	if (!err)
		err = bpf_map__set_max_entries(p->skel->maps.tls_flows,
					       (uint32_t)p->tls_connections);
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
	if (err)
		snprintf(p->witness_why, sizeof(p->witness_why),
			 "the kernel does not take the programs that look at sockets (%s): it has "
			 "no "
			 "BTF, or is older than 5.16",
			 strerror(-err));
}

/* Everything; or, when that is refused, everything but TLS. What is refused then is told of as the
 * first time. */
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

int probe_open(const struct siphash_key *session, const struct siphash_key *host,
	       size_t targets_len, size_t tls_connections, struct probe **out, char *why,
	       size_t why_len)
{
	struct probe *p = calloc(1, sizeof(*p));
	int err;

	if (!p)
		return -ENOMEM;
	p->targets_len = targets_len;
	p->tls_connections = tls_connections;
	p->pids_are_ours = namespaces_pids_are_hosts();
	p->detacher = detacher_new();
	if (!p->detacher) {
		err = -ENOMEM;
		goto out;
	}
	err = load_what_can_be(p, session, host);
	if (!err)
		err = fill_continuations(p->skel);
	if (err)
		goto out;
	p->tls_flows = tls_flows_new(p->skel);
	p->execs = ring_buffer__new(bpf_map__fd(p->skel->maps.execs), exec_begun, p, NULL);
	if (!p->tls_flows || !p->execs)
		err = errno ? -errno : -ENOMEM;
	else if (p->plan.tls)
		try_filtered(p);
out:
	if (err) {
		explain_load(err, why, why_len);
		probe_close(p);
		return err;
	}
	*out = p;
	return 0;
}

void probe_close(struct probe *p)
{
	if (!p)
		return;
	probe_detach_execs(p);
	bpf_link__destroy(p->states);
	detacher_free(p->detacher, DETACH_MS);
	tls_flows_free(p->tls_flows);
	ring_buffer__free(p->execs);
	telltale_bpf__destroy(p->skel);
	free(p);
}

/* --- sockets ---------------------------------------------------------------------------------- */

/* Told of every socket that a process closes, the programs know how many connections they follow,
 * and may be given a bound. */
static void bound_flows(struct probe *p, const struct probe_cgroup *c)
{
	if (c->links[2] < 0 && !p->unbounded) {
		log_warn("probe",
			 "cannot be told of closed sockets (%s): the number of connections "
			 "followed, and the kernel memory they take, is not bounded",
			 strerror(errno));
		p->unbounded = true;
	}
	p->skel->bss->flows_max = p->unbounded ? 0 : PROBE_FLOWS_MAX / p->targets_len;
}

/* Where each is attached. The programs do not say that: see telltale.bpf.c. */
static int attach_links(const struct probe *p, struct probe_cgroup *c, int cgroup)
{
	const struct {
		const struct bpf_program *program;
		enum bpf_attach_type where;
	} programs[PROBE_CGROUP_LINKS] = {
		{p->skel->progs.ingress_run, BPF_CGROUP_INET_INGRESS},
		{p->skel->progs.egress_run, BPF_CGROUP_INET_EGRESS},
		{p->skel->progs.socket_released, BPF_CGROUP_INET_SOCK_RELEASE},
	};

	for (size_t i = 0; i < PROBE_CGROUP_LINKS; i++) {
		c->links[i] = bpf_link_create(bpf_program__fd(programs[i].program), cgroup,
					      programs[i].where, NULL);
		if (c->links[i] < 0 && i < 2) /* the third is done without */
			return -errno;
	}
	return 0;
}

int probe_attach_cgroup(struct probe *p, unsigned target, const struct cgroup *cgroup,
			struct probe_cgroup **out, char *why, size_t why_len)
{
	struct probe_cgroup *c = calloc(1, sizeof(*c));
	uint8_t value = (uint8_t)target;
	int err = 0;

	if (!c)
		return -ENOMEM;
	c->id = cgroup->id;
	for (size_t i = 0; i < PROBE_CGROUP_LINKS; i++)
		c->links[i] = -1;
	p->skel->bss->attached_ns[target] = clock_mono_ns();
	/* Before the first segment is seen. */
	if (bpf_map_update_elem(bpf_map__fd(p->skel->maps.targets), &c->id, &value, BPF_ANY))
		err = -errno;
	if (!err)
		err = attach_links(p, c, cgroup->fd);
	if (err) {
		snprintf(why, why_len, "cannot attach to %.200s: %s%s", cgroup->path,
			 strerror(-err),
			 err == -EPERM ? "; is a program attached there, or above, that allows no "
					 "other? `bpftool cgroup tree` shows it"
				       : "");
		probe_detach_cgroup(p, c);
		return err;
	}
	bound_flows(p, c);
	*out = c;
	return 0;
}

void probe_detach_cgroup(struct probe *p, struct probe_cgroup *c)
{
	for (size_t i = 0; i < PROBE_CGROUP_LINKS; i++)
		if (c->links[i] >= 0)
			close(c->links[i]);
	bpf_map_delete_elem(bpf_map__fd(p->skel->maps.targets), &c->id);
	free(c);
}

bool probe_cgroup_lingers(const struct probe_cgroup *c)
{
	struct bpf_link_info info = {0};
	uint32_t len = sizeof(info);

	return !bpf_obj_get_info_by_fd(c->links[0], &info, &len) && info.cgroup.cgroup_id;
}

void probe_attach_execs(struct probe *p)
{
	if (!p->plan.tls)
		return;
	errno = EOPNOTSUPP;
	if (p->plan.execs)
		p->exec = bpf_program__attach_raw_tracepoint(p->skel->progs.process_exec,
							     "sched_process_exec");
	if (!p->exec)
		log_warn("probe",
			 "the kernel does not tell of programs that begin (%s): TLS that a process "
			 "speaks in its first second may be missed",
			 strerror(errno));
}

void probe_detach_execs(struct probe *p)
{
	bpf_link__destroy(p->exec);
	p->exec = NULL;
}

/* --- the witness ------------------------------------------------------------------------------ */

bool probe_attach_witness(struct probe *p)
{
	if (p->plan.witness) {
		p->states = bpf_program__attach(p->skel->progs.socket_state);
		if (p->states)
			return true;
		snprintf(p->witness_why, sizeof(p->witness_why),
			 "the kernel does not tell of connections that end (%s)", strerror(errno));
	}
	log_warn("probe", "%s: bytes that pass the taps by are not noticed", p->witness_why);
	return false;
}

int probe_look(struct probe *p, pid_t pid, look_sink *sink, void *context)
{
	return look_run(bpf_program__fd(p->skel->progs.look_at_file), pid, sink, context);
}

void probe_looked(struct probe *p, uint64_t began_ns)
{
	p->skel->bss->looked_ns = began_ns;
}

const char *probe_witness_refused(const struct probe *p)
{
	return p->witness_why[0] ? p->witness_why : NULL;
}

/* --- TLS -------------------------------------------------------------------------------------- */

static void tls_free(struct probe *p, struct probe_tls *tls)
{
	for (size_t i = 0; i < tls->points_len; i++)
		detacher_take(p->detacher, &tls->points[i]);
	free(tls);
}

int probe_attach_tls(struct probe *p, pid_t pid, unsigned target, const char *path,
		     const struct probe_tls_offsets *o, struct probe_tls **out, char *why,
		     size_t why_len)
{
	const uint64_t cookie = !p->cookies ? 0
					    : o->server | (o->typed ? SHARED_TLS_TYPED : 0u) |
						      (uint64_t)pid << SHARED_TLS_PID_SHIFT;
	const enum uprobe_when when = returns(p);
	const uint64_t bio = cookie | SHARED_TLS_BIO;
	/* Without cookies the programs could not tell a BIO from an SSL object. */
	const uint64_t bio_write = p->cookies ? o->bio_write : 0;
	const uint64_t bio_read = p->cookies ? o->bio_read : 0;
	/* Returns before entries: no call is then seen entering whose return is missed. */
	const struct uprobe_point points[PROBE_TLS_POINTS] = {
		{p->skel->progs.tls_ended, {o->free, o->clear}, UPROBE_ENTRY, {cookie, cookie}},
		{p->skel->progs.tls_begun, {o->handshake}, UPROBE_ENTRY, {cookie}},
		{p->skel->progs.tls_write, {o->write}, when, {cookie}},
		{p->skel->progs.tls_read, {o->read}, when, {cookie}},
		{p->skel->progs.tls_write_ex, {o->write_ex, bio_write}, when, {cookie, bio}},
		{p->skel->progs.tls_read_ex, {o->read_ex, bio_read}, when, {cookie, bio}},
		{p->skel->progs.tls_write_enter,
		 {o->write, o->write_ex, bio_write},
		 UPROBE_ENTRY,
		 {cookie, cookie, bio}},
		{p->skel->progs.tls_read_enter,
		 {o->read, o->read_ex, bio_read},
		 UPROBE_ENTRY,
		 {cookie, cookie, bio}},
	};
	const size_t points_len = when == UPROBE_SESSION ? PROBE_TLS_POINTS - 2 : PROBE_TLS_POINTS;
	struct probe_tls *tls = calloc(1, sizeof(*tls));
	uint32_t key = (uint32_t)pid;
	uint8_t value = (uint8_t)target;
	int err = 0;

	if (!p->plan.tls) {
		snprintf(why, why_len, "%s", p->plan.tls_why);
		free(tls);
		return -EOPNOTSUPP;
	}
	if (!tls) {
		snprintf(why, why_len, "out of memory for process %d", (int)pid);
		return -ENOMEM;
	}
	for (size_t i = 0; i < points_len && !err; i++) {
		err = uprobe_attach(&tls->points[i], &points[i], p->way, pid, path);
		if (!err)
			tls->points_len++;
	}
	if (!err &&
	    bpf_map_update_elem(bpf_map__fd(p->skel->maps.processes), &key, &value, BPF_ANY))
		err = -errno;
	if (err) {
		snprintf(why, why_len, "cannot attach to the TLS library of process %d: %s%s",
			 (int)pid, strerror(-err),
			 err == -EACCES || err == -EPERM
				 ? "; CAP_PERFMON and CAP_SYS_PTRACE are needed, and CAP_SYS_ADMIN "
				   "on kernels before 6.10"
				 : "");
		tls_free(p, tls);
		return err;
	}
	*out = tls;
	return 0;
}

void probe_detach_tls(struct probe *p, pid_t pid, struct probe_tls *tls, bool ended)
{
	uint32_t key = (uint32_t)pid;

	if (!tls)
		return;
	bpf_map_delete_elem(bpf_map__fd(p->skel->maps.processes), &key);
	tls_free(p, tls);
	tls_flows_forget(p->tls_flows, ended ? pid : 0);
}

#define FILES_KEPT 512 /* descriptors for everything else */

size_t probe_tls_max(const struct probe *p)
{
	const size_t each = (size_t)PROBE_TLS_POINTS * (p->way == UPROBE_PERF ? UPROBE_PLACES : 1);
	struct rlimit files;
	size_t max = SHARED_PROCESSES_MAX;

	if (!getrlimit(RLIMIT_NOFILE, &files) && files.rlim_cur != RLIM_INFINITY) {
		size_t room = files.rlim_cur > FILES_KEPT ? files.rlim_cur - FILES_KEPT : 0;

		max = room / each < max ? room / each : max;
	}
	return max;
}

bool probe_sees_execs(const struct probe *p)
{
	return p->exec != NULL;
}

bool probe_pids_are_ours(const struct probe *p)
{
	return p->pids_are_ours;
}

const char *probe_tls_refused(const struct probe *p)
{
	return p->plan.tls ? NULL : p->plan.tls_why;
}

bool probe_tells_execs(const struct probe *p)
{
	return p->plan.execs;
}

bool probe_harms_filtered(const struct probe *p)
{
	return p->harms_filtered;
}

bool probe_needs_admin(const struct probe *p)
{
	return p->plan.tls && p->way == UPROBE_PERF;
}

/* --- what leaves ------------------------------------------------------------------------------ */

int probe_ring(const struct probe *p)
{
	return bpf_map__fd(p->skel->maps.ring);
}

int probe_dropped(const struct probe *p)
{
	return bpf_map__fd(p->skel->maps.dropped);
}

int probe_execs_fd(const struct probe *p)
{
	return ring_buffer__epoll_fd(p->execs);
}

void probe_execs(struct probe *p, void (*each)(void *context, const struct record_exec *record),
		 void *context)
{
	p->each = each;
	p->each_context = context;
	ring_buffer__consume(p->execs);
}

size_t probe_ended(struct probe *p, struct record_flow_close *out, size_t max)
{
	return tls_flows_take(p->tls_flows, out, max);
}

void probe_new_reader(struct probe *p)
{
	p->skel->bss->reader++;
}
