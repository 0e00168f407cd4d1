/* SPDX-License-Identifier: Apache-2.0 */
/* lose.h - what lose.bpf.c hands to lose.c. */
#ifndef TELLTALE_TESTS_LOSE_H
#define TELLTALE_TESTS_LOSE_H

#include <linux/types.h>

struct lost {
	__u64 from_ns, to_ns; /* CLOCK_MONOTONIC: when it was lost, and when it came again */
	__u32 seq;
	__u16 source, dest; /* ports */
};

#endif
