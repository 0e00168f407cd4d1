/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock.h - the clocks, and the units of time.
 *
 *   mono  CLOCK_MONOTONIC of the host: cannot be set, and stops while the host sleeps. It measures
 *         how long something took; the kernel programs write it into records. In a time namespace
 *         this process's own clock differs; that is taken into account.
 *   wall  CLOCK_REALTIME: nanoseconds since 1970. It may be set forwards or back at any moment.
 *   boot  CLOCK_BOOTTIME: cannot be set, and keeps running while the host sleeps.
 *
 * The program calls clock_gettime nowhere else.
 */
#ifndef TELLTALE_CLOCK_H
#define TELLTALE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define NS_PER_MS     1000000LL
#define NS_PER_S      (1000 * NS_PER_MS)
#define NS_PER_MINUTE (60 * NS_PER_S)
#define NS_PER_HOUR   (60 * NS_PER_MINUTE)

/* T in nanoseconds; signed, because a file's times may be before 1970. */
static inline int64_t clock_ns_of(struct timespec t)
{
	return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

static inline uint64_t clock_read_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)clock_ns_of(t);
}

/* How far CLOCK_MONOTONIC of this process's time namespace is ahead of the host's, in ns; below 0
 * when it is behind. Set before main runs. */
extern int64_t clock_ahead_ns;
/* What TEXT, as /proc/self/timens_offsets has it, says of that; 0 when it says nothing. */
int64_t clock_parse_ahead(const char *text);

static inline uint64_t clock_mono_ns(void)
{
	return clock_read_ns(CLOCK_MONOTONIC) - (uint64_t)clock_ahead_ns;
}

/* 2025-01-01, before this version was built: what is earlier is no time, but a clock that nobody
 * has set yet. */
#define CLOCK_EARLIEST_NS (1735689600 * (uint64_t)NS_PER_S)

static inline uint64_t clock_wall_ns(void)
{
	return clock_read_ns(CLOCK_REALTIME);
}

/* How long the calling thread has been running on a processor. */
static inline uint64_t clock_thread_ns(void)
{
	return clock_read_ns(CLOCK_THREAD_CPUTIME_ID);
}

static inline uint64_t clock_boot_ns(void)
{
	return clock_read_ns(CLOCK_BOOTTIME);
}

/* Signed, so that the time left until a deadline in the past comes out below 0. */
static inline int64_t clock_mono_ms(void)
{
	return (int64_t)clock_mono_ns() / NS_PER_MS;
}

/* Add this to a mono time to get the wall time of the same moment. */
static inline int64_t clock_offset_ns(void)
{
	return (int64_t)(clock_wall_ns() - clock_mono_ns());
}

/* The time TIMEOUT_MS from now by this process's own CLOCK_MONOTONIC, as pthread_cond_timedwait
 * takes it. */
static inline struct timespec clock_mono_after(unsigned timeout_ms)
{
	uint64_t ns = clock_read_ns(CLOCK_MONOTONIC) + timeout_ms * (uint64_t)NS_PER_MS;

	return (struct timespec){.tv_sec = (time_t)(ns / NS_PER_S),
				 .tv_nsec = (long)(ns % NS_PER_S)};
}

#endif
