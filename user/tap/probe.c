/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/probe_parts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/clock.h"
#include "base/log.h"
#include "bpf/shared.h"
#include "tap/namespaces.h"
#include "tap/object.h"
#include "tap/streams.h"
#include "target/follow.h"

_Static_assert(CONFIG_TARGETS_MAX == SHARED_TARGETS_MAX, "the programs number the same targets");
_Static_assert(FOLLOW_CGROUPS_MAX == SHARED_CGROUPS_MAX, "the programs know the same cgroups");

#define DETACH_MS 3000 /* for breakpoints, at the end; SIGTERM is done within five seconds */

static int exec_begun(void *context, void *record, size_t size)
{
	struct probe *p = context;

	if (size >= sizeof(struct record_exec))
		p->each(p->each_context, record);
	return 0;
}

/* --- what a probe half before this one has loaded -------------------------------------------- */

static void describe(const struct probe *p, const uint64_t *targets,
		     const struct siphash_key *traces, const struct siphash_key *host,
		     struct kept_memory *m)
{
	memset(m, 0, sizeof(*m));
	kept_describe(m, host);
	m->traces = traces ? kept_hash(traces, sizeof(*traces)) : 0;
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
	p->skel = object_open(NULL);
	if (!p->skel || !kept_take(&p->kept, p->skel, wanted, &m)) {
		telltale_bpf__destroy(p->skel);
		p->skel = NULL;
		return false;
	}
	p->session = m.session;
	p->hashes = m.hashes;
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
	m->hashes = p->hashes;
	m->plan = p->plan;
	m->way = p->way;
	m->cookies = p->cookies;
	m->harms_filtered = p->harms_filtered;
	memcpy(m->witness_why, p->witness_why, sizeof(p->witness_why));
	kept_put(&p->kept, p->skel, m);
	explicit_bzero(m, sizeof(*m));
}

/* --- from beginning to end -------------------------------------------------------------------- */

/* A ring's second page says how much was written to it, and can only be read. */
static void map_written(struct probe *p)
{
	const long page = sysconf(_SC_PAGESIZE);
	void *at = mmap(NULL, (size_t)page, PROT_READ, MAP_SHARED, bpf_map__fd(p->skel->maps.ring),
			page);

	p->written = at == MAP_FAILED ? NULL : at;
}

static int open_maps(struct probe *p)
{
	map_written(p);
	p->tls_flows = tls_flows_new(p->skel);
	p->execs = ring_buffer__new(bpf_map__fd(p->skel->maps.execs), exec_begun, p, NULL);
	if (p->tls_flows && p->execs)
		return 0;
	return errno ? -errno : -ENOMEM;
}

int probe_open_again(struct fdstore *store, const uint64_t *targets,
		     const struct siphash_key *session, const struct siphash_key *traces,
		     const struct siphash_key *host, size_t targets_len, size_t tls_connections,
		     struct probe **out, char *why, size_t why_len)
{
	struct probe *p = calloc(1, sizeof(*p));
	struct kept_memory memory;
	bool again;
	int err = 0;

	if (!p)
		return -ENOMEM;
	p->exec = p->states = p->dropped = p->kept.processes = -1;
	for (size_t i = 0; i < KEPT_PROGRAMS; i++)
		p->kept.programs[i] = -1;
	p->kept.store = store;
	p->session = *session;
	p->hashes = traces ? *traces : *session;
	p->targets_len = targets_len;
	p->tls_connections = tls_connections;
	p->pids_are_ours = namespaces_pids_are_hosts();
	p->detacher = detacher_new();
	describe(p, targets, traces, host, &memory);
	again = p->detacher && take_kept(p, &memory);
	if (!p->detacher)
		err = -ENOMEM;
	else if (!again)
		err = probe_load(p, host);
	if (!err)
		err = open_maps(p);
	if (err) {
		probe_explain_load(err, why, why_len);
		probe_close(p);
		return err;
	}
	if (!again && p->plan.tls)
		probe_try_filtered(p);
	if (!again)
		put_kept(p, &memory);
	p->late = late_begin(p->skel, &p->plan, p->way);
	*out = p;
	return 0;
}

int probe_open(const struct siphash_key *session, const struct siphash_key *host,
	       size_t targets_len, size_t tls_connections, struct probe **out, char *why,
	       size_t why_len)
{
	return probe_open_again(NULL, NULL, session, NULL, host, targets_len, tls_connections, out,
				why, why_len);
}

bool probe_goes_on(const struct probe *p)
{
	return p->kept.again;
}

struct siphash_key probe_session(const struct probe *p)
{
	return p->session;
}

struct siphash_key probe_hashes(const struct probe *p)
{
	return p->hashes;
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
	probe_close_fd(&p->states);
	probe_close_fd(&p->dropped);
	detacher_free(p->detacher, DETACH_MS);
	late_end(p->late);
	tls_flows_free(p->tls_flows);
	ring_buffer__free(p->execs);
	if (p->written)
		munmap(p->written, (size_t)sysconf(_SC_PAGESIZE));
	for (size_t i = 0; i < KEPT_PROGRAMS; i++)
		probe_close_fd(&p->kept.programs[i]);
	telltale_bpf__destroy(p->skel);
	explicit_bzero(&p->session, sizeof(p->session));
	explicit_bzero(&p->hashes, sizeof(p->hashes));
	free(p->tapped);
	free(p);
}

/* --- programs that begin ---------------------------------------------------------------------- */

/* The link of a program that hangs on no cgroup: the one that was kept, or a new one. -1, and errno
 * says why: none. */
static int attach_tracing(struct probe *p, const char *what, const struct bpf_program *program,
			  const char *tracepoint)
{
	int fd;

	if (p->kept.again && kept_attached(&p->kept, what, false, &fd, 1))
		return fd;
	fd = tracepoint ? bpf_raw_tracepoint_open(tracepoint, probe_program(p, program))
			: bpf_link_create(probe_program(p, program), 0, BPF_TRACE_RAW_TP, NULL);
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
	probe_close_fd(&p->exec);
}

/* --- the witness ------------------------------------------------------------------------------ */

static void attach_dropped(struct probe *p)
{
	errno = EOPNOTSUPP; /* else its program is empty: see dropped.h */
	if (p->plan.drops)
		p->dropped = attach_tracing(p, "link.dropped", p->skel->progs.socket_dropped, NULL);
	if (p->dropped < 0)
		log_warn("probe",
			 "the kernel does not tell on which connection it drops a segment (%s): "
			 "where a peer has TCP drop what telltale has read, nobody notices",
			 strerror(errno));
}

bool probe_attach_witness(struct probe *p)
{
	if (p->plan.witness) {
		p->states = attach_tracing(p, "link.states", p->skel->progs.socket_state, NULL);
		if (p->states >= 0) {
			attach_dropped(p);
			return true;
		}
		snprintf(p->witness_why, sizeof(p->witness_why),
			 "the kernel does not tell of connections that end (%s)", strerror(errno));
	}
	log_warn("probe", "%s: bytes that pass the taps by are not noticed", p->witness_why);
	return false;
}

int probe_look(struct probe *p, pid_t pid, look_sink *sink, void *context)
{
	return look_run(probe_program(p, p->skel->progs.look_at_file), pid, sink, context);
}

void probe_looked(struct probe *p, uint64_t began_ns)
{
	p->skel->bss->looked_ns = began_ns;
}

const char *probe_witness_refused(const struct probe *p)
{
	return p->witness_why[0] ? p->witness_why : NULL;
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

bool probe_is_active(struct probe *p)
{
	const volatile uint64_t *now = p->written;
	uint64_t written = now ? *now : p->written_before + 1;
	bool active = written != p->written_before;

	p->written_before = written;
	return active;
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

bool probe_tells_drops(const struct probe *p)
{
	return p->plan.drops;
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

void probe_sweep(struct probe *p)
{
	streams_sweep(p->skel, clock_mono_ns());
}

void probe_new_reader(struct probe *p)
{
	p->skel->bss->reader++;
}
