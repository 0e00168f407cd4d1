/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_bpf.c - measures what the socket programs cost for each segment, by the kernel's own
 * accounting, as a multiple of what an empty program costs on the same segments.
 *
 * telltale's programs and an empty one are attached both ways to a cgroup of the benchmark's own.
 * In it, a client and a server thread hold three conversations over loopback TCP, in turn: ILP as
 * connectors send it, ILP in which no head is like the one before (the programs' worst case), and
 * one like a database's. Meanwhile the ring is read on a timer, as the daemon reads it. Every
 * message must come out of it, else the programs did not do the work that was measured.
 *
 * The kernel's accounting (BPF_STATS_RUN_TIME) reads a clock before and after each run. That time
 * is in every figure here, also in the empty program's, which is the divisor of the ratios.
 *
 * Usage: bench_bpf [ROUNDS [EXCHANGES]], as root. tests/bench/report reads the last lines, "FIGURE
 * ...".
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include "halves/ring.h"
#include "tap/probe.h"
#include "traffic.h"

#define ROUNDS     15
#define EXCHANGES  4000 /* of each conversation in a round */
#define ROUNDS_MAX 1000
#define KINDS      (TRAFFIC_DATABASE + 1)
#define SEED       0x7e117a1e

/* The ring is read more often than by the daemon, since more records arrive: forced wake-ups must
 * not be part of the figures. */
#define DRAIN_US 5000
/* After so many exchanges the benchmark waits for the reader. Their records fill a quarter of the
 * ring. */
#define STRETCH 800

#define PROGRAMS_MAX 8 /* attached to one cgroup in one direction */

enum program { INGRESS_RUN, EGRESS_RUN, EMPTY_IN, EMPTY_OUT, PROGRAMS };

struct cost {
	uint64_t runs, ns;
};

struct seen {
	uint64_t prepares, fulfills, others;
};

struct bench {
	char cgroup[4096];
	struct cgroup target;
	struct probe_cgroup *attached;
	struct probe *probe;
	struct ring *ring;
	struct ring_counters *dropped;
	int programs[PROGRAMS];
	int links[2];
	atomic_bool ended;
	atomic_size_t records; /* read so far */
	struct seen seen;      /* the reader's until it has ended */
};

/* The result of one round of one conversation. */
struct sample {
	double ratio;
	double ns[PROGRAMS]; /* a run */
	uint64_t runs;
};

/* --- setting up --------------------------------------------------------------------------------*/

/* The empty program, attached like telltale's. */
static void attach_empty(struct bench *b, enum bpf_attach_type way, int *program, int *link)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 1},
		{.code = BPF_JMP | BPF_EXIT},
	};
	DECLARE_LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = way);

	*program = bpf_prog_load(BPF_PROG_TYPE_CGROUP_SKB, "empty", "GPL", insns, 2, &opts);
	if (*program < 0)
		err(1, "cannot load the empty program");
	*link = bpf_link_create(*program, b->target.fd, way, NULL);
	if (*link < 0)
		err(1, "cannot attach the empty program");
}

/* Finds the one program called NAME that is attached to our cgroup. */
static int find_program(const struct bench *b, enum bpf_attach_type way, const char *name)
{
	uint32_t ids[PROGRAMS_MAX], len = PROGRAMS_MAX;

	if (bpf_prog_query(b->target.fd, way, 0, NULL, ids, &len))
		err(1, "cannot ask what is attached");
	for (uint32_t i = 0; i < len; i++) {
		struct bpf_prog_info info = {0};
		uint32_t info_len = sizeof(info);
		int fd = bpf_prog_get_fd_by_id(ids[i]);

		if (fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &info_len) &&
		    !strcmp(info.name, name))
			return fd;
		if (fd >= 0)
			close(fd);
	}
	errx(1, "no program %s is attached", name);
}

static void attach(struct bench *b)
{
	const struct siphash_key session = {1, 2}, host = {3, 4};
	char why[512] = "";

	if (cgroup_open(b->cgroup, &b->target, why, sizeof(why)) ||
	    probe_open(&session, &host, 1, 1024, &b->probe, why, sizeof(why)) ||
	    probe_attach_cgroup(b->probe, 0, &b->target, &b->attached, why, sizeof(why)))
		errx(1, "%s", why);
	if (ring_open(probe_ring(b->probe), PROBE_RING_BYTES, &b->ring) ||
	    ring_counters_open(probe_dropped(b->probe), RECORD_TYPES, &b->dropped))
		errx(1, "cannot map the ring");
	b->programs[INGRESS_RUN] = find_program(b, BPF_CGROUP_INET_INGRESS, "ingress_run");
	b->programs[EGRESS_RUN] = find_program(b, BPF_CGROUP_INET_EGRESS, "egress_run");
	attach_empty(b, BPF_CGROUP_INET_INGRESS, &b->programs[EMPTY_IN], &b->links[0]);
	attach_empty(b, BPF_CGROUP_INET_EGRESS, &b->programs[EMPTY_OUT], &b->links[1]);
}

static void enter_cgroup(const char *path)
{
	char procs[4200];
	FILE *f;

	snprintf(procs, sizeof(procs), "%s/cgroup.procs", path);
	f = fopen(procs, "we");
	if (!f || fprintf(f, "0\n") < 0 || fclose(f))
		err(1, "cannot enter %s", path);
}

/* --- the ring ----------------------------------------------------------------------------------*/

static void count_record(void *context, const void *record, size_t size)
{
	struct seen *seen = context;
	const struct record_head *head = record;
	const struct record_message *m = record;

	(void)size;
	if (head->type == RECORD_MESSAGE && m->kind == RECORD_KIND_PREPARE)
		seen->prepares++;
	else if (head->type == RECORD_MESSAGE && m->kind == RECORD_KIND_FULFILL)
		seen->fulfills++;
	else if (head->type != RECORD_ENDPOINT && head->type != RECORD_FLOW_CLOSE)
		seen->others++;
}

static void *read_ring(void *context)
{
	struct bench *b = context;

	while (!atomic_load(&b->ended)) {
		atomic_fetch_add(&b->records, ring_consume(b->ring, count_record, &b->seen));
		usleep(DRAIN_US);
	}
	ring_consume(b->ring, count_record, &b->seen);
	return NULL;
}

/* --- measuring ---------------------------------------------------------------------------------*/

static void read_costs(const struct bench *b, struct cost costs[PROGRAMS])
{
	for (int i = 0; i < PROGRAMS; i++) {
		struct bpf_prog_info info = {0};
		uint32_t len = sizeof(info);

		if (bpf_obj_get_info_by_fd(b->programs[i], &info, &len))
			err(1, "cannot read a program's run time");
		costs[i] = (struct cost){info.run_cnt, info.run_time_ns};
	}
}

/* Waits for the reader: when other processes on this machine delay it, the programs must not lose
 * records. */
static void await_reader(const struct bench *b, enum traffic_kind kind)
{
	size_t seen = atomic_load(&b->records);

	while (kind != TRAFFIC_DATABASE) {
		size_t before = seen;

		usleep(DRAIN_US + DRAIN_US / 2);
		seen = atomic_load(&b->records);
		if (seen == before)
			return;
	}
}

static struct sample measure(const struct bench *b, struct traffic *t, unsigned exchanges)
{
	struct cost before[PROGRAMS], after[PROGRAMS];
	struct sample s = {0};

	read_costs(b, before);
	for (unsigned done = 0; done < exchanges; done += STRETCH) {
		unsigned left = exchanges - done;

		traffic_run(t, (left < STRETCH ? left : STRETCH) / TRAFFIC_CONNECTIONS);
		await_reader(b, t->kind);
	}
	read_costs(b, after);
	for (int i = 0; i < PROGRAMS; i++) {
		uint64_t runs = after[i].runs - before[i].runs;

		if (!runs)
			errx(1, "a program did not run: is something else attached that ends it?");
		s.ns[i] = (double)(after[i].ns - before[i].ns) / (double)runs;
		s.runs += i == INGRESS_RUN || i == EGRESS_RUN ? runs : 0;
	}
	s.ratio = (s.ns[INGRESS_RUN] + s.ns[EGRESS_RUN]) / (s.ns[EMPTY_IN] + s.ns[EMPTY_OUT]);
	return s;
}

static int by_ratio(const void *a, const void *b)
{
	const struct sample *x = a, *y = b;

	return (x->ratio > y->ratio) - (x->ratio < y->ratio);
}

static void report(const char *name, const char *reach, struct sample *samples, unsigned len,
		   unsigned exchanges)
{
	const struct sample *s = &samples[len / 2];

	qsort(samples, len, sizeof(*samples), by_ratio);
	printf("%-15s ns a run: telltale in %4.0f, out %4.0f; empty in %3.0f, out %3.0f "
	       "(median round, %.2f runs an exchange)\n",
	       name, s->ns[INGRESS_RUN], s->ns[EGRESS_RUN], s->ns[EMPTY_IN], s->ns[EMPTY_OUT],
	       (double)s->runs / exchanges);
	printf("%-15s telltale / empty: median %.2f (min %.2f, max %.2f of %u rounds)%s\n", name,
	       s->ratio, samples[0].ratio, samples[len - 1].ratio, len, reach);
}

/* Every exchange has two ends, and each end sees both messages. */
static int check(const struct bench *b, uint64_t exchanges)
{
	uint64_t expected = 2 * exchanges, dropped = ring_counters_sum(b->dropped);

	printf("decoded: %" PRIu64 " of %" PRIu64 " Prepares, %" PRIu64 " of %" PRIu64
	       " Fulfills, %" PRIu64 " gaps and others, %" PRIu64 " dropped\n",
	       b->seen.prepares, expected, b->seen.fulfills, expected, b->seen.others, dropped);
	if (b->seen.prepares == expected && b->seen.fulfills == expected && !b->seen.others &&
	    !dropped)
		return EXIT_SUCCESS;
	fputs("bench_bpf: not everything was decoded, so the figures do not count\n", stderr);
	return EXIT_FAILURE;
}

static int run(struct bench *b, unsigned rounds, unsigned exchanges)
{
	static struct sample samples[KINDS][ROUNDS_MAX];
	static struct traffic traffic[KINDS];
	pthread_t reader;
	int stats, status;

	enter_cgroup(b->cgroup);
	attach(b);
	stats = bpf_enable_stats(BPF_STATS_RUN_TIME);
	if (stats < 0)
		err(1, "cannot turn on the kernel's accounting of BPF run time");
	if (pthread_create(&reader, NULL, read_ring, b))
		errx(1, "no thread");
	for (int kind = 0; kind < KINDS; kind++)
		traffic_open(&traffic[kind], kind, SEED);
	/* A round to warm up. */
	for (unsigned i = 0; i <= rounds; i++) {
		for (int kind = 0; kind < KINDS; kind++)
			samples[kind][i ? i - 1 : 0] = measure(b, &traffic[kind], exchanges);
	}
	for (int kind = 0; kind < KINDS; kind++)
		traffic_close(&traffic[kind]);
	atomic_store(&b->ended, true);
	pthread_join(reader, NULL);
	close(stats);
	report("ILP", ", reach 8", samples[TRAFFIC_ILP], rounds, exchanges);
	report("ILP, new heads", "", samples[TRAFFIC_ILP_NEW], rounds, exchanges);
	report("other TCP", ", reach 2.5", samples[TRAFFIC_DATABASE], rounds, exchanges);
	status = check(b, (uint64_t)exchanges * (rounds + 1) * 2);
	if (status == EXIT_SUCCESS) {
		printf("FIGURE bpf_ilp %.2f\n", samples[TRAFFIC_ILP][rounds / 2].ratio);
		printf("FIGURE bpf_other %.2f\n", samples[TRAFFIC_DATABASE][rounds / 2].ratio);
	}
	for (int i = 0; i < 2; i++)
		close(b->links[i]);
	probe_detach_cgroup(b->probe, b->attached);
	ring_counters_close(b->dropped);
	ring_close(b->ring);
	probe_close(b->probe);
	cgroup_close(&b->target);
	return status;
}

/* --- a process of its own, so that the cgroup can be removed when it has ended
 * ------------------*/

static volatile sig_atomic_t worker;

static void pass_on(int number)
{
	if (worker > 0)
		kill((pid_t)worker, number);
}

static unsigned argument(const char *text, unsigned fallback, unsigned max)
{
	long n = text ? strtol(text, NULL, 10) : (long)fallback;

	if (n < TRAFFIC_CONNECTIONS || n > (long)max)
		errx(2, "usage: bench_bpf [ROUNDS [EXCHANGES]]; %d at least", TRAFFIC_CONNECTIONS);
	return (unsigned)n;
}

int main(int argc, char **argv)
{
	unsigned rounds = argument(argc > 1 ? argv[1] : NULL, ROUNDS, ROUNDS_MAX);
	unsigned exchanges = argument(argc > 2 ? argv[2] : NULL, EXCHANGES, 1000000);
	char *mount = cgroup_mount();
	static struct bench b;
	int status = 0;

	if (!mount)
		errx(1, "cgroup v2 is not mounted");
	snprintf(b.cgroup, sizeof(b.cgroup), "%.4000s/telltale-bench.%d", mount, (int)getpid());
	free(mount);
	if (mkdir(b.cgroup, 0755))
		err(1, "cannot make %s; this measures as root", b.cgroup);
	exchanges -= exchanges % TRAFFIC_CONNECTIONS;
	worker = fork();
	if (worker == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		status = run(&b, rounds, exchanges);
		fflush(stdout);
		_exit(status);
	}
	signal(SIGINT, pass_on);
	signal(SIGTERM, pass_on);
	while (worker > 0 && waitpid((pid_t)worker, &status, 0) < 0 && errno == EINTR)
		;
	if (rmdir(b.cgroup))
		warn("cannot remove %s", b.cgroup);
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}
