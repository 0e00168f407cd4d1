/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/late.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/log.h"
#include "base/signals.h"
#include "bpf/shared.h"
#include "bpf/decode/siphash.h"
#include "bpf/telltale.skel.h"
#include "tap/kept.h"
#include "tap/parts.h"

struct late {
	struct telltale_bpf *maps;
	const struct load_plan *plan;
	enum uprobe_way way;
	__u32 missing; /* enum shared_http2 */
	pthread_t thread;
};

/* Where the runs of a part's programs begin. */
struct entry {
	const struct bpf_map *map;
	const struct bpf_program *program;
};

/* The number of PROGRAM in its object. */
static size_t number_of(const struct telltale_bpf *skel, const struct bpf_program *wanted)
{
	struct bpf_program *program;
	size_t i = 0;

	bpf_object__for_each_program(program, skel->obj)
	{
		if (program == wanted)
			break;
		i++;
	}
	return i;
}

/* The kernel keeps a program for as long as an array has it, and the array for as long as this or a
 * later probe half does. */
static int fill(const struct late *l, const int *programs, const struct entry *entries, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		int fd = programs[number_of(l->maps, entries[i].program)];
		uint32_t zero = 0;

		if (bpf_map_update_elem(bpf_map__fd(entries[i].map), &zero, &fd, BPF_ANY))
			return -errno;
	}
	return 0;
}

static int load_part(const struct late *l, enum part part, const struct entry *entries, size_t len)
{
	int programs[KEPT_PROGRAMS], err;

	for (size_t i = 0; i < KEPT_PROGRAMS; i++)
		programs[i] = -1;
	err = parts_load_one(l->maps, l->plan, l->way, part, programs);
	if (!err)
		err = fill(l, programs, entries, len);
	for (size_t i = 0; i < KEPT_PROGRAMS; i++) {
		if (programs[i] >= 0)
			close(programs[i]);
	}
	return err;
}

static void tell(int err, const char *what)
{
	if (err)
		log_warn("probe",
			 "the kernel refuses the programs that follow HTTP/2%s (%s): "
			 "ILP in it is announced, not counted",
			 what, strerror(-err));
	else
		log_info("probe", "HTTP/2%s is followed", what);
}

static void *load(void *context)
{
	const struct late *l = context;
	const struct entry sockets[] = {
		{l->maps->maps.http2_join, l->maps->progs.socket_http2_join},
		{l->maps->maps.http2_socket, l->maps->progs.socket_http2},
		{l->maps->maps.http2_piece, l->maps->progs.socket_http2_piece},
	};
	const struct entry tls[] = {
		{l->maps->maps.http2_tls_step, l->maps->progs.tls_http2_stepped},
	};
	int err;

	if (l->missing & SHARED_HTTP2_SOCKETS) {
		err = load_part(l, PART_HTTP2, sockets, sizeof(sockets) / sizeof(sockets[0]));
		if (!err)
			l->maps->bss->http2_follows |= SHARED_HTTP2_SOCKETS;
		tell(err, "");
	}
	if (l->missing & SHARED_HTTP2_TLS) {
		err = load_part(l, PART_HTTP2_TLS, tls, sizeof(tls) / sizeof(tls[0]));
		if (!err)
			l->maps->bss->http2_follows |= SHARED_HTTP2_TLS;
		tell(err, " inside TLS");
	}
	return NULL;
}

struct late *late_begin(struct telltale_bpf *maps, const struct load_plan *plan,
			enum uprobe_way way)
{
	/* A probe half before this one may have loaded some of them. */
	__u32 wanted = SHARED_HTTP2_SOCKETS | (plan->tls ? SHARED_HTTP2_TLS : 0);
	__u32 missing = wanted & ~maps->bss->http2_follows;
	struct late *l = missing ? malloc(sizeof(*l)) : NULL;
	int err = -ENOMEM;

	if (!missing)
		return NULL;
	if (l) {
		*l = (struct late){.maps = maps, .plan = plan, .way = way, .missing = missing};
		err = signals_thread(&l->thread, load, l);
	}
	if (!err)
		return l;
	tell(err, "");
	free(l);
	return NULL;
}

void late_end(struct late *l)
{
	if (!l)
		return;
	pthread_join(l->thread, NULL);
	free(l);
}
