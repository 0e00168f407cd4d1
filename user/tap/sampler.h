/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sampler.h - the BPF program that takes stacks (bpf/stacks.bpf.c): load, attach to threads, read.
 *
 * An object beside the probe's and that of the clocks. It takes Linux 5.15 with BTF, CAP_BPF,
 * CAP_PERFMON and, to name frames, CAP_SYS_PTRACE. Everything is detached when the process ends.
 * What it reads is shown to the operator and sent nowhere.
 */
#ifndef TELLTALE_SAMPLER_H
#define TELLTALE_SAMPLER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "profile/stacks.h"

#define SAMPLER_HZ_MAX 1000

struct sampler;

struct sampler_stats {
	uint64_t samples, dropped; /* by the ring: they were lost */
	uint64_t cost_ns;          /* of the program, of all samples together */
	uint64_t scripts;          /* frames of JavaScript */
	uint64_t unnamed;          /* ... that could not be named */
	uint64_t cut;              /* stacks whose outermost frames are missing */
	size_t unwatched;          /* threads and processes that found no room, or are refused */
};

/* HZ samples in a second of a CPU's time; up to SAMPLER_HZ_MAX. 0 or -errno with a sentence in WHY:
 * the kernel, or its security policy, refuses them. */
int sampler_open(unsigned hz, struct sampler **out, char *why, size_t why_len);
void sampler_close(struct sampler *s); /* accepts NULL */
/* The sysctl kernel.perf_event_paranoid; from 3 on, some kernels (Debian's, Ubuntu's) let nobody
 * sample without CAP_SYS_ADMIN. 0 when it cannot be read. */
int sampler_paranoid(void);

/* Samples the threads that the process has, and those that they start. Once more does no harm. */
void sampler_watch(struct sampler *s, pid_t pid);

/* Reads what has been sampled into STACKS. */
void sampler_consume(struct sampler *s, struct stacks *stacks);
/* Gives names to the frames that are kept as addresses; at the end of a session. */
void sampler_name(struct sampler *s, struct stacks *stacks);

struct sampler_stats sampler_stats(const struct sampler *s);
/* The version of V8 of which no frame can be named in some process; empty: there is none. */
const char *sampler_unknown(const struct sampler *s);

#endif
