/* SPDX-License-Identifier: Apache-2.0 */
/* probe_cgroups.c - attaches the programs that see sockets to cgroups. */
#include "tap/probe_parts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "base/clock.h"
#include "base/log.h"
#include "bpf/shared.h"

/* Connections followed at once, over all targets, each with its share, and at least so many of
 * each. */
#define FLOWS_MAX  8192
#define FLOWS_EACH 128

#define PROBE_CGROUP_LINKS 3

/* Some programs attached to one cgroup. */
struct probe_cgroup {
	uint64_t id;
	int links[PROBE_CGROUP_LINKS]; /* -1: none */
};

size_t probe_flows_each(size_t targets_len)
{
	size_t each = targets_len ? FLOWS_MAX / targets_len : FLOWS_MAX;

	return each > FLOWS_EACH ? each : FLOWS_EACH;
}

/* Notified of every socket that a process closes, the programs know how many connections they
 * follow, and may be given a bound. */
static void bound_flows(struct probe *p, const struct probe_cgroup *c)
{
	if (c->links[2] < 0 && !p->unbounded) {
		log_warn("probe", "cannot be notified of closed sockets: the number of connections "
				  "followed, and "
				  "the kernel memory they take, is not bounded");
		p->unbounded = true;
	}
	p->skel->bss->flows_max = p->unbounded ? 0 : probe_flows_each(p->targets_len);
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
			probe_close_fd(&c->links[i]);
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
	const int programs[PROBE_CGROUP_LINKS] = {probe_program(p, p->skel->progs.ingress_run),
						  probe_program(p, p->skel->progs.egress_run),
						  probe_program(p, p->skel->progs.socket_released)};
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
		probe_close_fd(&c->links[i]);
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
