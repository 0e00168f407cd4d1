/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load.h - which of the BPF programs this kernel takes, and what is done without the others.
 *
 * The socket programs are what nothing works without. TLS, the word of new processes and the
 * witness come piece by piece: a kernel, or its security policy, that refuses one of them leaves
 * the rest.
 */
#ifndef TELLTALE_LOAD_H
#define TELLTALE_LOAD_H

#include <stdbool.h>
#include <stdint.h>

struct bpf_object;
struct btf;

/* What a program has taken since it was loaded. */
struct load_cost {
	uint64_t runs, ns; /* of the runs that were timed */
	uint64_t missed;   /* runs that the kernel left out: see load_missed */
};

/* Runs of a program (a descriptor; -1: none) that the kernel left out since it was loaded, as it
 * does where a program would interrupt itself. It says so since Linux 5.12; 0 before. */
uint64_t load_missed(int program);

struct load_plan {
	bool tls;     /* the uprobe programs */
	bool execs;   /* the program on sched_process_exec */
	bool witness; /* the programs that hold the taps against the kernel */
	bool drops;   /* the one among them that is told what TCP drops */
	/* Tables that uprobe programs write may take memory as they fill. Before Linux 6.1 what
	 * they may ever have is taken when they are made. */
	bool grows;
	/* Why not TLS, as a part of a sentence; "" when it is read. */
	char tls_why[192];
};

/* Whether something before the kernel, a seccomp filter, refuses bpf() to this process, which has
 * the capability for it. */
bool load_is_sandboxed(void);
/* Does the kernel say how its own structures are laid out? */
bool load_has_btf(void);
/* Does the kernel that KERNEL describes say on which socket it drops a packet? So it is since Linux
 * 6.11. KERNEL is borrowed, and may be NULL. */
bool load_tells_drops(const struct btf *kernel);

/* Asks the kernel by loading next to nothing. */
void load_plan(struct load_plan *plan);
/* TLS is not to be loaded: the kernel refused its programs with ERR (negative). */
void load_without_tls(struct load_plan *plan, int err);

/* Between opening and loading: only what PLAN has will be loaded. */
void load_choose(struct bpf_object *object, const struct load_plan *plan);

/*
 * Before the first object is opened. The library replaces bpf_probe_read_user by an older helper
 * where the kernel refuses bpf_probe_read_kernel, as under lockdown=confidentiality; that one is
 * refused there too, and the right one is not.
 */
int load_keep_user_reads(void);

#endif
