/* SPDX-License-Identifier: Apache-2.0 */
/* probe_tls.c - attaches the programs that see calls into TLS libraries. */
#include "tap/probe_parts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "base/log.h"
#include "bpf/shared.h"
#include "tap/procfs.h"

#define PROBE_TLS_POINTS 8
#define PROBE_TLS_FDS    ((size_t)PROBE_TLS_POINTS * UPROBE_PLACES)

struct probe_tls {
	char what[KEPT_WHAT_MAX]; /* in keeping */
	struct uprobe points[PROBE_TLS_POINTS];
	size_t points_len;
};

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
	const enum uprobe_when when = probe_returns(p);
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

		point.program = probe_program(p, points[i].program);
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
