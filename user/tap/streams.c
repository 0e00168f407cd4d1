/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/streams.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/shared.h"
#include "bpf/decode/siphash.h"
#include "bpf/telltale.skel.h"
#include "base/clock.h"

#define OLD_NS (120 * NS_PER_S)
/* Streams in one call of the kernel's. Under attack the table is full. */
#define AT_ONCE 256

/* The programs count what they add and remove; what was removed here is counted apart. */
static void count_swept(int swept, uint32_t target)
{
	uint64_t n = 0;

	if (bpf_map_lookup_elem(swept, &target, &n))
		return;
	n++;
	bpf_map_update_elem(swept, &target, &n, BPF_ANY);
}

/* Removes from the table the LEN streams that KEYS name, if they are old; VALUES has what the table
 * has of each, of SIZE bytes. */
static void sweep_some(const struct telltale_bpf *skel, const struct shared_stream_key *keys,
		       const uint8_t *values, size_t size, size_t len, uint64_t now_ns)
{
	const int streams = bpf_map__fd(skel->maps.http2_streams);

	for (size_t i = 0; i < len; i++) {
		struct shared_stream_tail tail;

		memcpy(&tail, values + (i + 1) * size - sizeof(tail), sizeof(tail));
		/* 0: it enters the table just now. */
		if (tail.opened_ns && now_ns > tail.opened_ns && now_ns - tail.opened_ns > OLD_NS &&
		    !bpf_map_delete_elem(streams, &keys[i]))
			count_swept(bpf_map__fd(skel->maps.streams_swept), tail.target);
	}
}

void streams_sweep(const struct telltale_bpf *skel, uint64_t now_ns)
{
	const int streams = bpf_map__fd(skel->maps.http2_streams);
	const size_t size = bpf_map__value_size(skel->maps.http2_streams);
	const uint32_t max = bpf_map__max_entries(skel->maps.http2_streams);
	struct shared_stream_key *keys = calloc(AT_ONCE, sizeof(*keys));
	uint8_t *values = calloc(AT_ONCE, size);
	uint32_t place = 0, len;
	int err = keys && values ? 0 : -ENOMEM;

	for (uint32_t seen = 0; !err && seen < max; seen += len ? len : 1) {
		len = AT_ONCE;
		err = bpf_map_lookup_batch(streams, seen ? &place : NULL, &place, keys, values,
					   &len, NULL);
		if (!err || err == -ENOENT) /* the last of them */
			sweep_some(skel, keys, values, size, len, now_ns);
	}
	free(keys);
	free(values);
}
