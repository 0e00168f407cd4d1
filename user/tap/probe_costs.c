/* SPDX-License-Identifier: Apache-2.0 */
/* probe_costs.c - what the programs in the kernel have taken, and what the kernel left out. */
#include "tap/probe_parts.h"

#include <stdio.h>
#include <string.h>

#include <bpf/libbpf.h>

/* Runs of a program that goes on by tail call are those of the one that they began in. */
static void add_missed(const struct probe *p, struct load_cost costs[SHARED_PROGRAMS])
{
	const struct telltale_bpf *skel = p->skel;
	const struct {
		const struct bpf_program *program;
		enum shared_program counts_as;
	} programs[] = {
		{skel->progs.ingress_run, SHARED_PROGRAM_SOCKET_IN},
		{skel->progs.egress_run, SHARED_PROGRAM_SOCKET_OUT},
		{skel->progs.socket_released, SHARED_PROGRAM_SOCKET_CLOSED},
		{skel->progs.tls_write_enter, SHARED_PROGRAM_TLS_CALL},
		{skel->progs.tls_read_enter, SHARED_PROGRAM_TLS_CALL},
		{skel->progs.tls_write, SHARED_PROGRAM_TLS_RETURN},
		{skel->progs.tls_write_ex, SHARED_PROGRAM_TLS_RETURN},
		{skel->progs.tls_read, SHARED_PROGRAM_TLS_RETURN},
		{skel->progs.tls_read_ex, SHARED_PROGRAM_TLS_RETURN},
		{skel->progs.tls_begun, SHARED_PROGRAM_TLS_OBJECT},
		{skel->progs.tls_ended, SHARED_PROGRAM_TLS_OBJECT},
		{skel->progs.process_exec, SHARED_PROGRAM_EXEC},
		{skel->progs.socket_state, SHARED_PROGRAM_STATE},
		{skel->progs.look_at_file, SHARED_PROGRAM_LOOK},
		{skel->progs.socket_dropped, SHARED_PROGRAM_DROPPED},
	};

	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
		costs[programs[i].counts_as].missed +=
			load_missed(probe_program(p, programs[i].program));
}

/* What the kernel says of a map; 0: nothing. */
static uint64_t map_bytes(int fd)
{
	char path[64], line[128];
	unsigned long long bytes = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "memlock: %llu", &bytes) == 1)
			break;
	}
	if (f)
		fclose(f);
	return bytes;
}

uint64_t probe_tables_bytes(const struct probe *p)
{
	const struct bpf_map *map;
	uint64_t sum = 0;

	bpf_object__for_each_map(map, p->skel->obj)
	{
		sum += map_bytes(bpf_map__fd(map));
	}
	return sum;
}

/* An entry of a table that grows has a head besides key and value. The kernel takes a power of two
 * for it. */
#define ENTRY_HEAD 64

uint64_t probe_tables_more(const struct probe *p)
{
	const struct bpf_map *map;
	uint64_t sum = 0;

	bpf_object__for_each_map(map, p->skel->obj)
	{
		uint64_t size = 64,
			 entry = ENTRY_HEAD + bpf_map__key_size(map) + bpf_map__value_size(map);

		if (bpf_map__type(map) != BPF_MAP_TYPE_HASH ||
		    !(bpf_map__map_flags(map) & BPF_F_NO_PREALLOC))
			continue;
		while (size < entry)
			size *= 2;
		sum += size * bpf_map__max_entries(map);
	}
	return sum;
}

void probe_costs(const struct probe *p, struct load_cost costs[SHARED_PROGRAMS])
{
	const struct telltale_bpf__bss *bss = p->skel->bss;

	memset(costs, 0, SHARED_PROGRAMS * sizeof(costs[0]));
	for (int i = 0; i < SHARED_PROGRAMS; i++) {
		costs[i].runs = __atomic_load_n(&bss->cost_runs[i], __ATOMIC_RELAXED);
		costs[i].ns = __atomic_load_n(&bss->cost_ns[i], __ATOMIC_RELAXED);
	}
	add_missed(p, costs);
}
