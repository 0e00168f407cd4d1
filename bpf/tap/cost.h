/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * cost.h - what the programs take, measured inside them: of a few runs, from their beginning to
 * their end. The kernel's own statistics would tax every program of the host, at each run.
 *
 * A run that goes on by tail call takes the time of its beginning along: of a segment in the socket
 * buffer (struct tap_state), of a call into a TLS library in what is kept of the call.
 */
#ifndef TELLTALE_COST_H
#define TELLTALE_COST_H

#include "tap_begin.h"

#define COST_SAMPLED 64 /* one run in so many is timed ... */
#define COST_SHIFT   22 /* ... but of segments one in 1,024: see cost_begin */

/* The time, where this run is to be timed; else 0. */
bytes_global __u64 cost_draw(void)
{
	return bpf_get_prandom_u32() % COST_SAMPLED ? 0 : bpf_ktime_get_ns();
}

/* Counts a run of PROGRAM (enum shared_program). Two CPUs may count at once. */
static __always_inline void cost_add(__u32 program, __u64 ns)
{
	__sync_fetch_and_add(&cost_ns[bytes_mask(program, SHARED_COSTS - 1)], ns);
	__sync_fetch_and_add(&cost_runs[bytes_mask(program, SHARED_COSTS - 1)], 1);
}

/* A run that was timed ends. */
bytes_global int cost_end(__u32 program, __u64 begun_ns)
{
	cost_add(program, bpf_ktime_get_ns() - begun_ns);
	return 0;
}

/* Does CALL, and times it as a run of PROGRAM. It makes no tail call. */
#define COST_OF(program, call)                                                                     \
	({                                                                                         \
		__u64 cost_begun = cost_draw();                                                    \
		int cost_result = (call);                                                          \
                                                                                                   \
		if (cost_begun)                                                                    \
			cost_end(program, cost_begun);                                             \
		cost_result;                                                                       \
	})

/* --- segments --------------------------------------------------------------------------------- */

bytes_global int cost_begin_timed(struct __sk_buff *skb, int out)
{
	if (tap_state(skb)->begun)
		return 0;
	tap_state(skb)->out = out;
	/* Where this is 0, once in four seconds for a nanosecond, the run is not timed. */
	tap_state(skb)->begun = (__u32)bpf_ktime_get_ns();
	return 0;
}

bytes_global int cost_end_timed(struct __sk_buff *skb)
{
	cost_add(SHARED_PROGRAM_SOCKET_IN + tap_out(skb),
		 (__u32)bpf_ktime_get_ns() - tap_state(skb)->begun);
	return 0;
}

/* A segment with something in it, which begins at SEQ. A second call for it does nothing. That
 * number, well mixed, says which are timed: this costs the others a multiplication, and a random
 * number would cost more. */
static __always_inline void cost_begin(struct __sk_buff *skb, __u32 seq, int out)
{
	if (!(seq * 2654435761U >> COST_SHIFT))
		cost_begin_timed(skb, out);
}

/* The run ends here, if no tail call has taken it elsewhere. */
static __always_inline int cost_pass(struct __sk_buff *skb, int verdict)
{
	if (tap_state(skb)->begun)
		cost_end_timed(skb);
	return verdict;
}

#endif
