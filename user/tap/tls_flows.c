/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/tls_flows.h"

#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/record.h"
#include "bpf/shared.h"
#include "bpf/decode/siphash.h"
#include "bpf/telltale.skel.h"
#include "base/clock.h"

struct tls_flows {
	int flows, processes, forgotten, streams, streams_gone; /* the maps */
	size_t max;
	struct shared_tls_flow *value; /* room for one, which goes on after this */
	/* As many as the table has: of more at once, what is open runs out of time. */
	struct record_flow_close *ends;
	size_t ends_len;
};

struct tls_flows *tls_flows_new(const struct telltale_bpf *skel)
{
	struct tls_flows *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->flows = bpf_map__fd(skel->maps.tls_flows);
	t->processes = bpf_map__fd(skel->maps.processes);
	t->forgotten = bpf_map__fd(skel->maps.tls_forgotten);
	t->streams = bpf_map__fd(skel->maps.http2_tls_conns);
	t->streams_gone = bpf_map__fd(skel->maps.http2_tls_gone);
	t->max = bpf_map__max_entries(skel->maps.tls_flows);
	t->value = malloc(bpf_map__value_size(skel->maps.tls_flows));
	t->ends = calloc(t->max, sizeof(*t->ends));
	if (!t->value || !t->ends) {
		tls_flows_free(t);
		return NULL;
	}
	return t;
}

void tls_flows_free(struct tls_flows *t)
{
	if (!t)
		return;
	free(t->value);
	free(t->ends);
	free(t);
}

static void closed(struct tls_flows *t, const struct shared_tls_flow *flow)
{
	if (t->ends_len == t->max)
		return;
	t->ends[t->ends_len++] = (struct record_flow_close){
		.head = {.len = sizeof(struct record_flow_close),
			 .version = RECORD_VERSION,
			 .type = RECORD_FLOW_CLOSE,
			 .tap = flow->tap,
			 .role = flow->role,
			 .target = flow->target},
		.flow = {.id = flow->id, .generation = flow->generation, .pid = flow->pid},
		.at_ns = clock_mono_ns(),
	};
}

/* The programs count what they add and remove; what was removed here is counted apart. */
static void tell_gone(int map, const uint64_t *gone)
{
	for (uint32_t target = 0; target < SHARED_TARGETS_MAX; target++) {
		uint64_t n = 0;

		if (!gone[target] || bpf_map_lookup_elem(map, &target, &n))
			continue;
		n += gone[target];
		bpf_map_update_elem(map, &target, &n, BPF_ANY);
	}
}

/* All processes that are not read, and not ENDED alone: a call under way when an earlier one was
 * let go may have left one behind. */
void tls_flows_forget(struct tls_flows *t, pid_t ended)
{
	uint64_t gone[SHARED_TARGETS_MAX] = {0}, streams_gone[SHARED_TARGETS_MAX] = {0};
	struct shared_tls_key key, next;
	bool more = !bpf_map_get_next_key(t->flows, NULL, &next);

	for (size_t i = 0; more && i < t->max; i++) {
		uint32_t pid;
		uint8_t target;

		key = next;
		pid = (uint32_t)key.pid;
		more = !bpf_map_get_next_key(t->flows, &key, &next);
		if (!bpf_map_lookup_elem(t->processes, &pid, &target) ||
		    bpf_map_lookup_elem(t->flows, &key, t->value))
			continue;
		/* First: what is in the other table alone is nobody's. */
		streams_gone[t->value->target % SHARED_TARGETS_MAX] +=
			!bpf_map_delete_elem(t->streams, &key);
		if (bpf_map_delete_elem(t->flows, &key))
			continue;
		gone[t->value->target % SHARED_TARGETS_MAX]++;
		if (ended && pid == (uint32_t)ended)
			closed(t, t->value);
	}
	tell_gone(t->forgotten, gone);
	tell_gone(t->streams_gone, streams_gone);
}

size_t tls_flows_take(struct tls_flows *t, struct record_flow_close *out, size_t max)
{
	size_t n = t->ends_len < max ? t->ends_len : max;

	memcpy(out, t->ends, n * sizeof(*out));
	t->ends_len -= n;
	memmove(t->ends, t->ends + n, t->ends_len * sizeof(t->ends[0]));
	return n;
}
