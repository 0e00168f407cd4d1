/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/streams.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/shared.h"
#include "bpf/decode/siphash.h"
#include "bpf/telltale.skel.h"
#include "base/clock.h"

#define OLD_NS (120 * NS_PER_S)

/* The programs count what they add and remove; what was removed here is counted apart. */
static void count_swept(int swept, uint32_t target)
{
	uint64_t n = 0;

	if (bpf_map_lookup_elem(swept, &target, &n))
		return;
	n++;
	bpf_map_update_elem(swept, &target, &n, BPF_ANY);
}

void streams_sweep(const struct telltale_bpf *skel, uint64_t now_ns)
{
	const int streams = bpf_map__fd(skel->maps.http2_streams);
	const size_t size = bpf_map__value_size(skel->maps.http2_streams);
	const uint32_t max = bpf_map__max_entries(skel->maps.http2_streams);
	struct shared_stream_key key, next;
	struct shared_stream_tail tail;
	uint8_t *value = malloc(size);
	bool more = value && !bpf_map_get_next_key(streams, NULL, &next);

	for (uint32_t i = 0; more && i < max; i++) {
		key = next;
		more = !bpf_map_get_next_key(streams, &key, &next);
		if (bpf_map_lookup_elem(streams, &key, value))
			continue;
		memcpy(&tail, value + size - sizeof(tail), sizeof(tail));
		if (now_ns > tail.opened_ns && now_ns - tail.opened_ns > OLD_NS &&
		    !bpf_map_delete_elem(streams, &key))
			count_swept(bpf_map__fd(skel->maps.streams_swept), tail.target);
	}
	free(value);
}
