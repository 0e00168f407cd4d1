/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flowkey.h - a connection as a key of tables: what names it, and the hash of that, which is worked
 * out once for each record.
 */
#ifndef TELLTALE_FLOWKEY_H
#define TELLTALE_FLOWKEY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/table.h"
#include "bpf/record.h"

struct flowkey {
	uint64_t hash;
	const struct record_flow *flow; /* the record's: valid as long as that is */
	uint8_t tap;
};

static inline struct flowkey flowkey_of(uint8_t tap, const struct record_flow *flow)
{
	uint64_t rest = ((uint64_t)flow->pid << 32 | flow->generation) ^ (uint64_t)tap << 56;

	return (struct flowkey){table_hash(flow->id, rest), flow, tap};
}

/* Does K name the connection FLOW of TAP? */
static inline bool flowkey_names(const struct flowkey *k, uint8_t tap,
				 const struct record_flow *flow)
{
	return k->flow->id == flow->id && k->flow->generation == flow->generation &&
	       k->flow->pid == flow->pid && k->tap == tap;
}

#endif
