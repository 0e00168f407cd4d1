/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_clocks.c - what the clocks of threads cost a thread that nobody asked about, by the
 * kernel's own accounting, as a multiple of what an empty program costs on the same switches.
 *
 * The programs of bpf/profile.bpf.c and an empty one are attached to sched_switch, and two threads
 * of this process hand a byte to and fro. No thread is watched at first; then these two are, which
 * says what an event costs. The kernel's accounting takes some 45 ns a run on our machine: it is in
 * every figure here, also in the divisor.
 */
#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "tap/timing.h"

#define ROUNDS 9
#define TURNS  20000
#define RING   (1u << 20)

struct cost {
	uint64_t runs, ns;
};

static int pipes[2][2];

static void *answer(void *context)
{
	char byte;

	(void)context;
	while (read(pipes[0][0], &byte, 1) == 1) {
		if (write(pipes[1][1], &byte, 1) != 1)
			break;
	}
	return NULL;
}

static void hand_to_and_fro(void)
{
	char byte = 'x';

	for (int i = 0; i < TURNS; i++) {
		if (write(pipes[0][1], &byte, 1) != 1 || read(pipes[1][0], &byte, 1) != 1)
			err(1, "the other thread is gone");
	}
}

static int load_empty(void)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_TRACE_RAW_TP);
	int type = libbpf_find_vmlinux_btf_id("sched_switch", BPF_TRACE_RAW_TP), fd;

	if (type < 0)
		errx(1, "this kernel has no BTF of sched_switch");
	opts.attach_btf_id = (uint32_t)type;
	fd = bpf_prog_load(BPF_PROG_TYPE_TRACING, "empty", "GPL", insns, 2, &opts);
	if (fd < 0 || bpf_raw_tracepoint_open(NULL, fd) < 0)
		err(1, "cannot load and attach the empty program");
	return fd;
}

/* The newest program called NAME. */
static int find_program(const char *name)
{
	int found = -1;

	for (uint32_t id = 0; !bpf_prog_get_next_id(id, &id);) {
		struct bpf_prog_info info = {0};
		uint32_t len = sizeof(info);
		int fd = bpf_prog_get_fd_by_id(id);

		if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) || strcmp(info.name, name)) {
			if (fd >= 0)
				close(fd);
			continue;
		}
		if (found >= 0)
			close(found);
		found = fd;
	}
	if (found < 0)
		errx(1, "the program %s is not there", name);
	return found;
}

static struct cost read_cost(int program)
{
	struct bpf_prog_info info = {0};
	uint32_t len = sizeof(info);

	if (bpf_obj_get_info_by_fd(program, &info, &len))
		err(1, "cannot read what a program took");
	return (struct cost){info.run_cnt, info.run_time_ns};
}

/* ns a run between two readings. */
static double per_run(struct cost before, struct cost after)
{
	return (double)(after.ns - before.ns) / (double)(after.runs - before.runs);
}

static int by_size(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* The median of ROUNDS, and prints it. */
static double measure(const char *what, int clocks, int empty)
{
	double ratios[ROUNDS], ns = 0, ns_empty = 0;

	for (int i = 0; i < ROUNDS; i++) {
		struct cost before[2] = {read_cost(clocks), read_cost(empty)};
		double one, other;

		hand_to_and_fro();
		one = per_run(before[0], read_cost(clocks));
		other = per_run(before[1], read_cost(empty));
		ratios[i] = one / other;
		ns += one / ROUNDS;
		ns_empty += other / ROUNDS;
	}
	qsort(ratios, ROUNDS, sizeof(ratios[0]), by_size);
	printf("%-24s %4.0f ns a switch, empty %3.0f ns; ratio: median %.2f (min %.2f, max %.2f of "
	       "%d rounds)\n",
	       what, ns, ns_empty, ratios[ROUNDS / 2], ratios[0], ratios[ROUNDS - 1], ROUNDS);
	return ratios[ROUNDS / 2];
}

static void ignore(void *context, const struct tape_event *event)
{
	(void)context;
	(void)event;
}

int main(void)
{
	struct dependencies none = {0};
	struct timing *timing = NULL;
	int stats, empty, clocks;
	char why[320] = "";
	pthread_t thread;

	stats = bpf_enable_stats(BPF_STATS_RUN_TIME);
	if (stats < 0 || pipe(pipes[0]) || pipe(pipes[1]))
		err(1, "cannot begin");
	if (timing_open(&none, RING, &timing, why, sizeof(why)))
		errx(1, "%s", why);
	clocks = find_program("switched");
	empty = load_empty();
	if (pthread_create(&thread, NULL, answer, NULL))
		errx(1, "cannot start a thread");
	hand_to_and_fro();
	printf("FIGURE bpf_switch %.2f\n", measure("a thread not watched", clocks, empty));
	timing_watch(timing, getpid());
	measure("a watched thread", clocks, empty);
	timing_consume(timing, ignore, NULL);
	close(pipes[0][1]);
	pthread_join(thread, NULL);
	timing_close(timing);
	close(stats);
	return 0;
}
