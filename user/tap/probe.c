/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "base/clock.h"
#include "bpf/shared.h"
#include "bpf/telltale.skel.h"
#include "tap/detacher.h"
#include "tap/kept.h"
#include "tap/load.h"
#include "tap/namespaces.h"
#include "tap/procfs.h"
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
	bool unbounded;   /* not every closed socket is told of: flows_max stays 0 */
	int exec, states; /* links; -1: none */
	struct kept kept;
	struct siphash_key session;
	unsigned anew;        /* attached where a probe half before this one was not */
	_Atomic bool leaving; /* another one goes on: nothing is detached */
	pid_t *tapped;        /* processes whose TLS is read, until it is settled */
	size_t tapped_len;
	bool settled;
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
	int links[PROBE_CGROUP_LINKS]; /* -1: none */
};

#define PROBE_TLS_POINTS 8
#define PROBE_TLS_FDS    ((size_t)PROBE_TLS_POINTS * UPROBE_PLACES)

struct probe_tls {
	char what[KEPT_WHAT_MAX]; /* in keeping */
	struct uprobe points[PROBE_TLS_POINTS];
	size_t points_len;
};

static int fd_of(const struct probe *p, const struct bpf_program *program)
{
	return kept_program(&p->kept, p->skel, program);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

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
		harms = uprobe_try_filtered(fd_of(p, p->skel->progs.tls_read), p->way, NULL);
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

static void explain_load(int err, char *why, size_t why_len)
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

/* --- what a probe half before this one has loaded -------------------------------------------- */

static void describe(const struct probe *p, const uint64_t *targets, const struct siphash_key *host,
		     struct kept_memory *m)
{
	memset(m, 0, sizeof(*m));
	kept_describe(m, host);
	if (targets)
		memcpy(m->targets, targets, p->targets_len * sizeof(targets[0]));
	m->targets_len = p->targets_len;
	m->tls_connections = p->tls_connections;
}

static bool take_kept(struct probe *p, const struct kept_memory *wanted)
{
	struct kept_memory m;

	if (!p->kept.store)
		return false;
	p->skel = telltale_bpf__open();
	if (!p->skel || !kept_take(&p->kept, p->skel, wanted, &m)) {
		telltale_bpf__destroy(p->skel);
		p->skel = NULL;
		return false;
	}
	p->session = m.session;
	p->plan = m.plan;
	p->way = (enum uprobe_way)m.way;
	p->cookies = m.cookies;
	p->harms_filtered = m.harms_filtered;
	memcpy(p->witness_why, m.witness_why, sizeof(p->witness_why));
	explicit_bzero(&m, sizeof(m));
	return true;
}

static void put_kept(struct probe *p, struct kept_memory *m)
{
	m->session = p->session;
	m->plan = p->plan;
	m->way = p->way;
	m->cookies = p->cookies;
	m->harms_filtered = p->harms_filtered;
	memcpy(m->witness_why, p->witness_why, sizeof(p->witness_why));
	kept_put(&p->kept, p->skel, m);
	explicit_bzero(m, sizeof(*m));
}

/* --- from beginning to end -------------------------------------------------------------------- */

static int open_maps(struct probe *p)
{
	p->tls_flows = tls_flows_new(p->skel);
	p->execs = ring_buffer__new(bpf_map__fd(p->skel->maps.execs), exec_begun, p, NULL);
	if (p->tls_flows && p->execs)
		return 0;
	return errno ? -errno : -ENOMEM;
}

static int load_anew(struct probe *p, const struct siphash_key *host)
{
	int err = load_what_can_be(p, &p->session, host);

	return err ? err : fill_continuations(p->skel);
}

int probe_open_again(struct fdstore *store, const uint64_t *targets,
		     const struct siphash_key *session, const struct siphash_key *host,
		     size_t targets_len, size_t tls_connections, struct probe **out, char *why,
		     size_t why_len)
{
	struct probe *p = calloc(1, sizeof(*p));
	struct kept_memory memory;
	bool again;
	int err = 0;

	if (!p)
		return -ENOMEM;
	p->exec = p->states = p->kept.processes = -1;
	p->kept.store = store;
	p->session = *session;
	p->targets_len = targets_len;
	p->tls_connections = tls_connections;
	p->pids_are_ours = namespaces_pids_are_hosts();
	p->detacher = detacher_new();
	describe(p, targets, host, &memory);
	again = p->detacher && take_kept(p, &memory);
	if (!p->detacher)
		err = -ENOMEM;
	else if (!again)
		err = load_anew(p, host);
	if (!err)
		err = open_maps(p);
	if (err) {
		explain_load(err, why, why_len);
		probe_close(p);
		return err;
	}
	if (!again && p->plan.tls)
		try_filtered(p);
	if (!again)
		put_kept(p, &memory);
	*out = p;
	return 0;
}

int probe_open(const struct siphash_key *session, const struct siphash_key *host,
	       size_t targets_len, size_t tls_connections, struct probe **out, char *why,
	       size_t why_len)
{
	return probe_open_again(NULL, NULL, session, host, targets_len, tls_connections, out, why,
				why_len);
}

bool probe_goes_on(const struct probe *p)
{
	return p->kept.again;
}

struct siphash_key probe_session(const struct probe *p)
{
	return p->session;
}

unsigned probe_attached_anew(const struct probe *p)
{
	return p->anew;
}

void probe_leave(struct probe *p)
{
	p->leaving = true;
}

void probe_close(struct probe *p)
{
	if (!p)
		return;
	probe_detach_execs(p);
	close_fd(&p->states);
	detacher_free(p->detacher, DETACH_MS);
	tls_flows_free(p->tls_flows);
	ring_buffer__free(p->execs);
	telltale_bpf__destroy(p->skel);
	explicit_bzero(&p->session, sizeof(p->session));
	free(p->tapped);
	free(p);
}

/* --- sockets ---------------------------------------------------------------------------------- */

/* Told of every socket that a process closes, the programs know how many connections they follow,
 * and may be given a bound. */
static void bound_flows(struct probe *p, const struct probe_cgroup *c)
{
	if (c->links[2] < 0 && !p->unbounded) {
		log_warn(
			"probe",
			"cannot be told of closed sockets: the number of connections followed, and "
			"the kernel memory they take, is not bounded");
		p->unbounded = true;
	}
	p->skel->bss->flows_max = p->unbounded ? 0 : PROBE_FLOWS_MAX / p->targets_len;
}

/* What stands in keeping for a program on a cgroup. */
static void name_link(const struct probe_cgroup *c, size_t i, char *what)
{
	snprintf(what, KEPT_WHAT_MAX, "cgroup.%" PRIu64 ".%zu", c->id, i);
}

/* Links that were kept: of this loading as they are, of another one with the programs exchanged. */
static bool take_links(struct probe *p, struct probe_cgroup *c, const int *programs)
{
	bool whole = true;

	for (size_t i = 0; i < PROBE_CGROUP_LINKS; i++) {
		char what[KEPT_WHAT_MAX];

		name_link(c, i, what);
		if (!kept_attached(&p->kept, what, !p->kept.again, &c->links[i], 1))
			c->links[i] = -1;
		else if (!p->kept.again && bpf_link_update(c->links[i], programs[i], NULL))
			close_fd(&c->links[i]);
		whole &= c->links[i] >= 0 || i == 2;
	}
	return whole;
}

/* Where each is attached. The programs do not say that: see telltale.bpf.c. */
static int add_links(struct probe *p, struct probe_cgroup *c, const int *programs, int cgroup)
{
	static const enum bpf_attach_type types[PROBE_CGROUP_LINKS] = {
		BPF_CGROUP_INET_INGRESS, BPF_CGROUP_INET_EGRESS, BPF_CGROUP_INET_SOCK_RELEASE};

	p->anew++;
	for (size_t i = 0; i < PROBE_CGROUP_LINKS; i++) {
		if (c->links[i] >= 0)
			continue;
		c->links[i] = bpf_link_create(programs[i], cgroup, types[i], NULL);
		if (c->links[i] < 0 && i < 2) /* the third is done without */
			return c->links[i];
	}
	return 0;
}

static void keep_links(struct probe *p, const struct probe_cgroup *c)
{
	for (size_t i = 0; i < PROBE_CGROUP_LINKS; i++) {
		char what[KEPT_WHAT_MAX];

		name_link(c, i, what);
		if (c->links[i] >= 0)
			kept_attach(&p->kept, what, &c->links[i], 1);
	}
}

static void note_attaching(struct probe *p, unsigned target)
{
	p->skel->bss->attached_ns[target] = SHARED_ATTACHING;
	p->skel->bss->attached_last_ns = SHARED_ATTACHING;
}

static void note_attached(struct probe *p, unsigned target)
{
	p->skel->bss->attached_ns[target] = clock_mono_ns();
	p->skel->bss->attached_last_ns = p->skel->bss->attached_ns[target];
}

static int attach_cgroup(struct probe *p, unsigned target, const struct cgroup *cgroup,
			 struct probe_cgroup *c)
{
	const int programs[PROBE_CGROUP_LINKS] = {fd_of(p, p->skel->progs.ingress_run),
						  fd_of(p, p->skel->progs.egress_run),
						  fd_of(p, p->skel->progs.socket_released)};
	uint8_t value = (uint8_t)target;
	bool whole;
	int err = 0;

	if (!p->kept.again)
		note_attaching(p, target);
	/* Before the first segment is seen. */
	if (bpf_map_update_elem(bpf_map__fd(p->skel->maps.targets), &c->id, &value, BPF_ANY)) {
		err = -errno;
		note_attached(p, target);
		return err;
	}
	whole = take_links(p, c, programs);
	if (whole && p->kept.again)
		return 0;
	note_attaching(p, target);
	if (!whole)
		err = add_links(p, c, programs, cgroup->fd);
	note_attached(p, target);
	if (!err)
		keep_links(p, c);
	return err;
}

int probe_attach_cgroup(struct probe *p, unsigned target, const struct cgroup *cgroup,
			struct probe_cgroup **out, char *why, size_t why_len)
{
	struct probe_cgroup *c = calloc(1, sizeof(*c));
	int err;

	if (!c)
		return -ENOMEM;
	c->id = cgroup->id;
	memset(c->links, 0xff, sizeof(c->links));
	err = attach_cgroup(p, target, cgroup, c);
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
	for (size_t i = 0; i < PROBE_CGROUP_LINKS; i++) {
		char what[KEPT_WHAT_MAX];

		name_link(c, i, what);
		/* Whoever else has the link, nothing hangs on the cgroup any more. */
		if (!p->leaving && c->links[i] >= 0) {
			bpf_link_detach(c->links[i]);
			kept_detach(&p->kept, what);
		}
		close_fd(&c->links[i]);
	}
	if (!p->leaving)
		bpf_map_delete_elem(bpf_map__fd(p->skel->maps.targets), &c->id);
	free(c);
}

bool probe_cgroup_lingers(const struct probe_cgroup *c)
{
	struct bpf_link_info info = {0};
	uint32_t len = sizeof(info);

	return !bpf_obj_get_info_by_fd(c->links[0], &info, &len) && info.cgroup.cgroup_id;
}

/* The link of a program that hangs on no cgroup: the one that was kept, or a new one. -1, and errno
 * says why: none. */
static int attach_tracing(struct probe *p, const char *what, const struct bpf_program *program,
			  const char *tracepoint)
{
	int fd;

	if (p->kept.again && kept_attached(&p->kept, what, false, &fd, 1))
		return fd;
	fd = tracepoint ? bpf_raw_tracepoint_open(tracepoint, fd_of(p, program))
			: bpf_link_create(fd_of(p, program), 0, BPF_TRACE_RAW_TP, NULL);
	if (fd < 0) {
		errno = -fd;
		return -1;
	}
	kept_attach(&p->kept, what, &fd, 1);
	return fd;
}

void probe_attach_execs(struct probe *p)
{
	if (!p->plan.tls)
		return;
	errno = EOPNOTSUPP;
	if (p->plan.execs)
		p->exec = attach_tracing(p, "link.execs", p->skel->progs.process_exec,
					 "sched_process_exec");
	if (p->exec < 0)
		log_warn("probe",
			 "the kernel does not tell of programs that begin (%s): TLS that a process "
			 "speaks in its first second may be missed",
			 strerror(errno));
}

void probe_detach_execs(struct probe *p)
{
	close_fd(&p->exec);
}

/* --- the witness ------------------------------------------------------------------------------ */

bool probe_attach_witness(struct probe *p)
{
	if (p->plan.witness) {
		p->states = attach_tracing(p, "link.states", p->skel->progs.socket_state, NULL);
		if (p->states >= 0)
			return true;
		snprintf(p->witness_why, sizeof(p->witness_why),
			 "the kernel does not tell of connections that end (%s)", strerror(errno));
	}
	log_warn("probe", "%s: bytes that pass the taps by are not noticed", p->witness_why);
	return false;
}

int probe_look(struct probe *p, pid_t pid, look_sink *sink, void *context)
{
	return look_run(fd_of(p, p->skel->progs.look_at_file), pid, sink, context);
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
	if (!p->leaving)
		kept_detach(&p->kept, tls->what);
	for (size_t i = 0; i < tls->points_len; i++)
		detacher_take(p->detacher, &tls->points[i]);
	free(tls);
}

/* Returns before entries: no call is then seen entering whose return is missed. */
static int attach_points(struct probe *p, pid_t pid, const char *path,
			 const struct probe_tls_offsets *o, struct probe_tls *tls)
{
	const uint64_t cookie = !p->cookies ? 0
					    : o->server | (o->typed ? SHARED_TLS_TYPED : 0u) |
						      (uint64_t)pid << SHARED_TLS_PID_SHIFT;
	const enum uprobe_when when = returns(p);
	const uint64_t bio = cookie | SHARED_TLS_BIO;
	const uint64_t fresh = p->cookies ? cookie | SHARED_TLS_FRESH : 0;
	/* Without cookies the programs could not tell a BIO from an SSL object. */
	const uint64_t bio_write = p->cookies ? o->bio_write : 0;
	const uint64_t bio_read = p->cookies ? o->bio_read : 0;
	const struct {
		const struct bpf_program *program;
		struct uprobe_point point;
	} points[PROBE_TLS_POINTS] = {
		{p->skel->progs.tls_ended,
		 {-1, {o->free, o->clear}, UPROBE_ENTRY, {cookie, fresh}}},
		{p->skel->progs.tls_begun,
		 {-1, {o->handshake, o->connect, o->accept}, UPROBE_ENTRY, {cookie, fresh, fresh}}},
		{p->skel->progs.tls_write, {-1, {o->write}, when, {cookie}}},
		{p->skel->progs.tls_read, {-1, {o->read}, when, {cookie}}},
		{p->skel->progs.tls_write_ex, {-1, {o->write_ex, bio_write}, when, {cookie, bio}}},
		{p->skel->progs.tls_read_ex, {-1, {o->read_ex, bio_read}, when, {cookie, bio}}},
		{p->skel->progs.tls_write_enter,
		 {-1, {o->write, o->write_ex, bio_write}, UPROBE_ENTRY, {cookie, cookie, bio}}},
		{p->skel->progs.tls_read_enter,
		 {-1, {o->read, o->read_ex, bio_read}, UPROBE_ENTRY, {cookie, cookie, bio}}},
	};
	const size_t points_len = when == UPROBE_SESSION ? PROBE_TLS_POINTS - 2 : PROBE_TLS_POINTS;
	int err = 0;

	for (size_t i = 0; i < points_len && !err; i++) {
		struct uprobe_point point = points[i].point;

		point.program = fd_of(p, points[i].program);
		err = uprobe_attach(&tls->points[i], &point, p->way, pid, path);
		if (!err)
			tls->points_len++;
	}
	return err;
}

/* What tells this library of this process from all others. */
static void name_tls(pid_t pid, unsigned target, const char *path,
		     const struct probe_tls_offsets *o, char *what)
{
	struct procfs_identity id = {0};
	unsigned long long size;
	struct stat st = {0};
	uint64_t words[6];

	procfs_look(pid, &id, &size);
	if (stat(path, &st))
		memset(&st, 0, sizeof(st));
	memcpy(words, (uint64_t[]){id.started, target, st.st_dev, st.st_ino, o->write, o->read},
	       sizeof(words));
	snprintf(what, KEPT_WHAT_MAX, "tls.%d.%016" PRIx64, (int)pid,
		 kept_hash(words, sizeof(words)));
}

/* Descriptors are kept as they are, whatever they hold. */
static bool take_points(struct probe *p, struct probe_tls *tls)
{
	int fds[PROBE_TLS_FDS];
	size_t n =
		p->kept.again ? kept_attached(&p->kept, tls->what, false, fds, PROBE_TLS_FDS) : 0;

	for (size_t i = 0; i < n; i++) {
		struct uprobe *u = &tls->points[i / UPROBE_PLACES];

		u->fds[u->fds_len++] = fds[i];
	}
	tls->points_len = (n + UPROBE_PLACES - 1) / UPROBE_PLACES;
	return n > 0;
}

static void keep_points(struct probe *p, const struct probe_tls *tls)
{
	int fds[PROBE_TLS_FDS];
	size_t n = 0;

	for (size_t i = 0; i < tls->points_len; i++) {
		memcpy(fds + n, tls->points[i].fds, tls->points[i].fds_len * sizeof(fds[0]));
		n += tls->points[i].fds_len;
	}
	kept_attach(&p->kept, tls->what, fds, n);
}

/* What was kept of such a process is not what is left of one that has ended. */
static void note_tapped(struct probe *p, pid_t pid)
{
	pid_t *more = p->kept.again && !p->settled
			      ? realloc(p->tapped, (p->tapped_len + 1) * sizeof(*more))
			      : NULL;

	if (!more)
		return;
	p->tapped = more;
	p->tapped[p->tapped_len++] = pid;
}

static int attach_tls(struct probe *p, pid_t pid, unsigned target, const char *path,
		      const struct probe_tls_offsets *offsets, struct probe_tls *tls)
{
	uint32_t key = (uint32_t)pid;
	uint8_t value = (uint8_t)target;
	int err;

	if (p->kept.store)
		name_tls(pid, target, path, offsets, tls->what);
	note_tapped(p, pid);
	if (take_points(p, tls))
		return 0;
	p->anew++;
	err = attach_points(p, pid, path, offsets, tls);
	if (err)
		return err;
	/* A loading whose place is taken has seen the last of it, and this one sees the next. */
	if (p->kept.processes >= 0)
		bpf_map_delete_elem(p->kept.processes, &key);
	if (bpf_map_update_elem(bpf_map__fd(p->skel->maps.processes), &key, &value, BPF_ANY))
		return -errno;
	keep_points(p, tls);
	return 0;
}

int probe_attach_tls(struct probe *p, pid_t pid, unsigned target, const char *path,
		     const struct probe_tls_offsets *offsets, struct probe_tls **out, char *why,
		     size_t why_len)
{
	struct probe_tls *tls;
	int err;

	if (!p->plan.tls) {
		snprintf(why, why_len, "%s", p->plan.tls_why);
		return -EOPNOTSUPP;
	}
	tls = calloc(1, sizeof(*tls));
	if (!tls) {
		snprintf(why, why_len, "out of memory for process %d", (int)pid);
		return -ENOMEM;
	}
	err = attach_tls(p, pid, target, path, offsets, tls);
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
	if (!p->leaving)
		bpf_map_delete_elem(bpf_map__fd(p->skel->maps.processes), &key);
	tls_free(p, tls);
	if (!p->leaving)
		tls_flows_forget(p->tls_flows, ended ? pid : 0);
}

/* --- what was kept and is not there any more -------------------------------------------------- */

static void let_go_cgroup(void *context, const char *what)
{
	const struct probe *p = context;
	uint64_t id;

	if (sscanf(what, "cgroup.%" SCNu64, &id) == 1)
		bpf_map_delete_elem(bpf_map__fd(p->skel->maps.targets), &id);
}

static bool is_tapped(const struct probe *p, pid_t pid)
{
	for (size_t i = 0; i < p->tapped_len; i++) {
		if (p->tapped[i] == pid)
			return true;
	}
	return false;
}

/* What it said last is in the ring; its connections have closed. */
static void let_go_process(void *context, const char *what)
{
	struct probe *p = context;
	uint32_t pid;

	if (sscanf(what, "tls.%" SCNu32, &pid) != 1 || is_tapped(p, (pid_t)pid))
		return;
	bpf_map_delete_elem(bpf_map__fd(p->skel->maps.processes), &pid);
	tls_flows_forget(p->tls_flows, (pid_t)pid);
}

void probe_settle_cgroups(struct probe *p)
{
	if (p->kept.again)
		kept_each(&p->kept, "cgroup.", let_go_cgroup, p);
	kept_settle(&p->kept, "cgroup.");
}

void probe_settle(struct probe *p)
{
	if (p->kept.again)
		kept_each(&p->kept, "tls.", let_go_process, p);
	p->settled = true;
	p->kept.processes = -1;
	kept_settle(&p->kept, "");
	free(p->tapped);
	p->tapped = NULL;
	p->tapped_len = 0;
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
	return p->exec >= 0;
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
