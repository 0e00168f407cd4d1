/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_bpf.c - measures what the socket programs cost for each segment, by the kernel's own
 * accounting, as a multiple of what an empty program and a floor program cost on such segments.
 *
 * The floor program (floor.bpf.c) does only what no program can avoid that reads ILP from segments.
 * A multiple of it says how far from the limit telltale is. An empty program is mostly the kernel's
 * accounting, which differs by two between machines; the multiple of it is there to be compared
 * with earlier ones.
 *
 * Two cgroups of the benchmark's own have telltale's programs and the floor program, and an empty
 * one each. In both, in turn, a client and a server thread hold the same conversations over
 * loopback TCP (enum conversation), all on one processor. Meanwhile the rings are read on a timer,
 * as the daemon reads its own. Every message must come out of both, else the programs did not do
 * the work that was measured.
 *
 * The kernel's accounting (BPF_STATS_RUN_TIME) reads a clock before and after each run. That time
 * is in every figure here but one, also in the divisors. Of a connection's first exchange the time
 * of the empty program is taken off: it has more segments, since the connection is opened and ends.
 * So it is of an exchange in HTTP/2, which the floor program does not read: that is compared with
 * one in HTTP/1.1.
 *
 * Usage: bench_bpf [ROUNDS [EXCHANGES]], as root. tests/bench/report reads the last lines, "FIGURE
 * ...".
 */
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
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

#include "bench/floor.skel.h"
#include "halves/ring.h"
#include "tap/late.h"
#include "tap/probe_parts.h"
#include "traffic.h"

#define ROUNDS     21
#define EXCHANGES  1600 /* of each conversation in a round */
#define ROUNDS_MAX 1000
#define SEED       0x7e117a1e

/* The rings are read more often than by the daemon, since more records arrive: forced wake-ups must
 * not be part of the figures. */
#define DRAIN_US 5000
/* After so many exchanges the benchmark waits for the reader. Their records fill a quarter of the
 * ring. */
#define STRETCH 800

#define PROGRAMS_MAX 8 /* attached to one cgroup in one direction */

enum program { RUN_IN, RUN_OUT, EMPTY_IN, EMPTY_OUT, PROGRAMS };
enum side { TELLTALE, FLOOR, SIDES };

enum conversation {
	KNOWN,  /* ILP as connectors send it, with the same head each time */
	NEW,    /* no head is like the one before it */
	RAFIKI, /* a quote and a payment as two Rafiki nodes send them, on a connection for each */
	COLD,   /* as the first, with the caches of the processor emptied before each message */
	FIRST,  /* as the first, each exchange on a connection of its own */
	HTTP2,  /* the same packets in HTTP/2 */
	OTHER,  /* of an unknown protocol */
	DATABASE, /* to a database */
	CONVERSATIONS,
};

struct cost {
	uint64_t runs, ns;
};

struct seen {
	uint64_t prepares, answers, others;
};

/* One cgroup, and what is attached to it. */
struct place {
	char path[4096];
	struct cgroup target;
	int programs[PROGRAMS];
	int links[2]; /* of the empty programs */
	struct traffic traffic[CONVERSATIONS];
};

struct bench {
	struct place places[SIDES];
	struct probe_cgroup *attached;
	struct probe *probe;
	struct ring *ring, *floor_ring;
	struct ring_counters *dropped;
	struct floor_bpf *floor;
	struct bpf_link *floor_links[2];
	atomic_bool ended;
	atomic_size_t records; /* read so far */
	struct seen seen;      /* the reader's until it has ended */
	uint64_t floor_records;
};

/* The result of one round of one conversation. */
struct sample {
	double ns[SIDES][PROGRAMS]; /* a run */
	double own;                 /* ns an exchange of telltale, above the empty program's */
	double to_empty, to_floor;
	double runs; /* an exchange */
};

/* --- setting up --------------------------------------------------------------------------------*/

/* An empty program, attached like telltale's. */
static void attach_empty(struct place *p, enum bpf_attach_type way, int *program, int *link)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 1},
		{.code = BPF_JMP | BPF_EXIT},
	};
	DECLARE_LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = way);

	*program = bpf_prog_load(BPF_PROG_TYPE_CGROUP_SKB, "empty", "GPL", insns, 2, &opts);
	if (*program < 0)
		err(1, "cannot load the empty program");
	*link = bpf_link_create(*program, p->target.fd, way, NULL);
	if (*link < 0)
		err(1, "cannot attach the empty program");
}

/* Finds the one program called NAME that is attached to the cgroup. */
static int find_program(const struct place *p, enum bpf_attach_type way, const char *name)
{
	uint32_t ids[PROGRAMS_MAX], len = PROGRAMS_MAX;

	if (bpf_prog_query(p->target.fd, way, 0, NULL, ids, &len))
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

static void attach_telltale(struct bench *b)
{
	const struct siphash_key session = {1, 2}, host = {3, 4};
	struct place *p = &b->places[TELLTALE];
	char why[512] = "";

	if (probe_open(&session, &host, 1, 1024, &b->probe, why, sizeof(why)) ||
	    probe_attach_cgroup(b->probe, 0, &p->target, &b->attached, why, sizeof(why)))
		errx(1, "%s", why);
	late_end(b->probe->late); /* the programs that follow HTTP/2 are there */
	b->probe->late = NULL;
	if (ring_open(probe_ring(b->probe), PROBE_RING_BYTES, &b->ring) ||
	    ring_counters_open(probe_dropped(b->probe), RECORD_TYPES, &b->dropped))
		errx(1, "cannot map the ring");
	p->programs[RUN_IN] = find_program(p, BPF_CGROUP_INET_INGRESS, "ingress_run");
	p->programs[RUN_OUT] = find_program(p, BPF_CGROUP_INET_EGRESS, "egress_run");
}

static void attach_floor(struct bench *b)
{
	struct place *p = &b->places[FLOOR];

	b->floor = floor_bpf__open_and_load();
	if (!b->floor)
		err(1, "cannot load the floor program");
	b->floor_links[0] = bpf_program__attach_cgroup(b->floor->progs.floor_in, p->target.fd);
	b->floor_links[1] = bpf_program__attach_cgroup(b->floor->progs.floor_out, p->target.fd);
	if (!b->floor_links[0] || !b->floor_links[1])
		err(1, "cannot attach the floor program");
	if (ring_open(bpf_map__fd(b->floor->maps.floor_ring),
		      bpf_map__max_entries(b->floor->maps.floor_ring), &b->floor_ring))
		errx(1, "cannot map the floor program's ring");
	p->programs[RUN_IN] = bpf_program__fd(b->floor->progs.floor_in);
	p->programs[RUN_OUT] = bpf_program__fd(b->floor->progs.floor_out);
}

static void attach(struct bench *b)
{
	char why[512] = "";

	for (int side = 0; side < SIDES; side++) {
		if (cgroup_open(b->places[side].path, &b->places[side].target, why, sizeof(why)))
			errx(1, "%s", why);
	}
	attach_telltale(b);
	attach_floor(b);
	for (int side = 0; side < SIDES; side++) {
		struct place *p = &b->places[side];

		attach_empty(p, BPF_CGROUP_INET_INGRESS, &p->programs[EMPTY_IN], &p->links[0]);
		attach_empty(p, BPF_CGROUP_INET_EGRESS, &p->programs[EMPTY_OUT], &p->links[1]);
	}
}

static void detach(struct bench *b)
{
	for (int side = 0; side < SIDES; side++) {
		for (int i = 0; i < 2; i++)
			close(b->places[side].links[i]);
	}
	for (int i = 0; i < 2; i++)
		bpf_link__destroy(b->floor_links[i]);
	ring_close(b->floor_ring);
	floor_bpf__destroy(b->floor);
	probe_detach_cgroup(b->probe, b->attached);
	ring_counters_close(b->dropped);
	ring_close(b->ring);
	probe_close(b->probe);
	for (int side = 0; side < SIDES; side++)
		cgroup_close(&b->places[side].target);
}

/* Sockets belong to the cgroup in which they are made. */
static void enter_cgroup(const char *path)
{
	char procs[4200];
	FILE *f;

	snprintf(procs, sizeof(procs), "%s/cgroup.procs", path);
	f = fopen(procs, "we");
	if (!f || fprintf(f, "0\n") < 0 || fclose(f))
		err(1, "cannot enter %s", path);
}

/* Runs on one processor from here on: what one run leaves in its caches the next one finds, and no
 * figure depends on where the threads happen to be. */
static void stay_on_one_processor(void)
{
	cpu_set_t allowed, one;

	CPU_ZERO(&one);
	if (sched_getaffinity(0, sizeof(allowed), &allowed))
		err(1, "sched_getaffinity");
	for (int cpu = 0; cpu < CPU_SETSIZE && !CPU_COUNT(&one); cpu++) {
		if (CPU_ISSET(cpu, &allowed))
			CPU_SET(cpu, &one);
	}
	if (sched_setaffinity(0, sizeof(one), &one))
		err(1, "sched_setaffinity");
}

/* --- the rings ---------------------------------------------------------------------------------*/

static void count_record(void *context, const void *record, size_t size)
{
	struct seen *seen = context;
	const struct record_head *head = record;
	const struct record_message *m = record;

	(void)size;
	if (head->type == RECORD_MESSAGE && m->kind == RECORD_KIND_PREPARE)
		seen->prepares++;
	else if (head->type == RECORD_MESSAGE &&
		 (m->kind == RECORD_KIND_FULFILL || m->kind == RECORD_KIND_REJECT))
		seen->answers++;
	else if (head->type != RECORD_ENDPOINT && head->type != RECORD_FLOW_CLOSE)
		seen->others++;
}

static void count_floor_record(void *context, const void *record, size_t size)
{
	uint64_t *seen = context;

	(void)record;
	(void)size;
	++*seen;
}

static size_t consume(struct bench *b)
{
	return ring_consume(b->ring, count_record, &b->seen) +
	       ring_consume(b->floor_ring, count_floor_record, &b->floor_records);
}

static void *read_rings(void *context)
{
	struct bench *b = context;

	while (!atomic_load(&b->ended)) {
		atomic_fetch_add(&b->records, consume(b));
		usleep(DRAIN_US);
	}
	consume(b);
	return NULL;
}

/* --- measuring ---------------------------------------------------------------------------------*/

static void read_costs(const struct place *p, struct cost costs[PROGRAMS])
{
	for (int i = 0; i < PROGRAMS; i++) {
		struct bpf_prog_info info = {0};
		uint32_t len = sizeof(info);

		if (bpf_obj_get_info_by_fd(p->programs[i], &info, &len))
			err(1, "cannot read a program's run time");
		costs[i] = (struct cost){info.run_cnt, info.run_time_ns};
	}
}

static bool is_ilp(enum conversation c)
{
	return c != OTHER && c != DATABASE;
}

/* Waits for the reader: when other processes on this machine delay it, the programs must not lose
 * records. */
static void await_reader(const struct bench *b, enum conversation c)
{
	size_t seen = atomic_load(&b->records);

	while (is_ilp(c)) {
		size_t before = seen;

		usleep(DRAIN_US + DRAIN_US / 2);
		seen = atomic_load(&b->records);
		if (seen == before)
			return;
	}
}

static enum traffic_kind traffic_of(enum conversation c)
{
	switch (c) {
	case NEW: return TRAFFIC_ILP_NEW;
	case RAFIKI: return TRAFFIC_ILP_RAFIKI;
	case HTTP2: return TRAFFIC_ILP_HTTP2;
	case OTHER: return TRAFFIC_OTHER;
	case DATABASE: return TRAFFIC_DATABASE;
	default: return TRAFFIC_ILP;
	}
}

/* How many exchanges a connection has; 0: it stays open. */
static unsigned life_of(enum conversation c)
{
	return c == FIRST ? 1 : c == RAFIKI ? TRAFFIC_RAFIKI : 0;
}

/* N exchanges, or so many that each connection has all of its own. */
static unsigned whole(enum conversation c, unsigned n)
{
	const unsigned step = TRAFFIC_CONNECTIONS * (life_of(c) ? life_of(c) : 1);

	return n < step ? step : n - n % step;
}

/* How many exchanges a round has: emptying the caches and opening connections take long. */
static unsigned exchanges_of(enum conversation c, unsigned exchanges)
{
	return whole(c, c == COLD || c == FIRST ? exchanges / 8 : exchanges);
}

static void open_traffic(struct place *p, enum conversation c)
{
	traffic_open(&p->traffic[c], traffic_of(c), c == COLD, SEED);
}

static void exchange(struct place *p, enum conversation c, unsigned exchanges)
{
	const unsigned life = life_of(c);

	if (!life) {
		traffic_run(&p->traffic[c], exchanges / TRAFFIC_CONNECTIONS);
		return;
	}
	for (unsigned done = 0; done < exchanges; done += TRAFFIC_CONNECTIONS * life) {
		open_traffic(p, c);
		traffic_run(&p->traffic[c], life);
		traffic_close(&p->traffic[c]);
	}
}

/* Holds the conversation; COSTS is what the programs took. */
static void measure(struct bench *b, enum side side, enum conversation c, unsigned exchanges,
		    struct cost costs[PROGRAMS])
{
	const unsigned stretch = whole(c, STRETCH);
	struct place *p = &b->places[side];
	struct cost before[PROGRAMS];

	enter_cgroup(p->path);
	read_costs(p, before);
	for (unsigned done = 0; done < exchanges; done += stretch) {
		unsigned left = exchanges - done;

		exchange(p, c, left < stretch ? left : stretch);
		await_reader(b, c);
	}
	read_costs(p, costs);
	for (int i = 0; i < PROGRAMS; i++) {
		costs[i].runs -= before[i].runs;
		costs[i].ns -= before[i].ns;
		if (!costs[i].runs)
			errx(1, "a program did not run: is something else attached that ends it?");
	}
}

static struct sample compare(struct bench *b, enum conversation c, unsigned exchanges)
{
	struct cost costs[SIDES][PROGRAMS], *t = costs[TELLTALE];
	struct sample s = {0};
	double(*ns)[PROGRAMS] = s.ns;

	for (int side = 0; side < SIDES; side++) {
		measure(b, side, c, exchanges, costs[side]);
		for (int i = 0; i < PROGRAMS; i++)
			ns[side][i] = (double)costs[side][i].ns / (double)costs[side][i].runs;
	}
	s.runs = (double)(t[RUN_IN].runs + t[RUN_OUT].runs) / exchanges;
	s.own = ((double)(t[RUN_IN].ns + t[RUN_OUT].ns) -
		 (double)(t[EMPTY_IN].ns + t[EMPTY_OUT].ns)) /
		exchanges;
	s.to_empty = (ns[TELLTALE][RUN_IN] + ns[TELLTALE][RUN_OUT]) /
		     (ns[TELLTALE][EMPTY_IN] + ns[TELLTALE][EMPTY_OUT]);
	s.to_floor = (ns[TELLTALE][RUN_IN] + ns[TELLTALE][RUN_OUT]) /
		     (ns[FLOOR][RUN_IN] + ns[FLOOR][RUN_OUT]);
	return s;
}

/* --- the report --------------------------------------------------------------------------------*/

struct rounds {
	struct sample samples[CONVERSATIONS][ROUNDS_MAX];
	unsigned len;
};

struct quartiles {
	double low, median, high;
};

static int ascending(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static struct quartiles quartiles(double *values, unsigned len)
{
	qsort(values, len, sizeof(*values), ascending);
	return (struct quartiles){values[len / 4], values[len / 2], values[len - 1 - len / 4]};
}

/* Of one of the sample's figures, which lies at OFFSET in it. */
static struct quartiles quartiles_of(const struct rounds *r, enum conversation c, size_t offset)
{
	static double values[ROUNDS_MAX];

	for (unsigned i = 0; i < r->len; i++)
		memcpy(&values[i], (const char *)&r->samples[c][i] + offset, sizeof(values[i]));
	return quartiles(values, r->len);
}

#define MEDIAN(r, c, field) quartiles_of(r, c, offsetof(struct sample, field)).median

static void report_ratio(const char *name, const char *to, struct quartiles q, const char *figure)
{
	printf("%-16s telltale / %s: median %.2f (quartiles %.2f, %.2f)\n", name, to, q.median,
	       q.low, q.high);
	if (figure)
		printf("FIGURE %s %.2f\n", figure, q.median);
}

static void report(const struct rounds *r, enum conversation c, const char *name,
		   const char *empty_figure, const char *floor_figure)
{
	printf("%-16s ns a run: telltale in %.0f, out %.0f; floor in %.0f, out %.0f; empty in "
	       "%.0f, out %.0f (medians of %u rounds, %.2f runs an exchange)\n",
	       name, MEDIAN(r, c, ns[TELLTALE][RUN_IN]), MEDIAN(r, c, ns[TELLTALE][RUN_OUT]),
	       MEDIAN(r, c, ns[FLOOR][RUN_IN]), MEDIAN(r, c, ns[FLOOR][RUN_OUT]),
	       MEDIAN(r, c, ns[TELLTALE][EMPTY_IN]), MEDIAN(r, c, ns[TELLTALE][EMPTY_OUT]), r->len,
	       MEDIAN(r, c, runs));
	report_ratio(name, "empty", quartiles_of(r, c, offsetof(struct sample, to_empty)),
		     empty_figure);
	report_ratio(name, "floor", quartiles_of(r, c, offsetof(struct sample, to_floor)),
		     floor_figure);
}

/* What an exchange of CASE takes, as a multiple of one over HTTP/1.1 on a connection that is open.
 */
static void report_multiple(const struct rounds *r, unsigned c, const char *name, const char *what,
			    const char *figure)
{
	static double values[ROUNDS_MAX];
	struct quartiles q;

	for (unsigned i = 0; i < r->len; i++)
		values[i] = r->samples[c][i].own / r->samples[KNOWN][i].own;
	q = quartiles(values, r->len);
	printf("%-16s ns an exchange, both ends: %.0f %s, %.0f in HTTP/1.1 on one that is open: "
	       "median %.2f (quartiles %.2f, %.2f)\n",
	       name, MEDIAN(r, c, own), what, MEDIAN(r, KNOWN, own), q.median, q.low, q.high);
	printf("FIGURE %s %.2f\n", figure, q.median);
}

/* How many exchanges with ILP each side saw, and those of them in HTTP/2. */
struct held {
	uint64_t ilp, http2;
};

/* Every exchange has two ends, and each end sees both messages. */
static int check(const struct bench *b, const struct held *held)
{
	const uint64_t expected = 2 * held->ilp, floor = 4 * (held->ilp - held->http2);
	const uint64_t dropped = ring_counters_sum(b->dropped);

	printf("decoded: %" PRIu64 " of %" PRIu64 " Prepares, %" PRIu64 " of %" PRIu64
	       " answers, %" PRIu64 " gaps and others, %" PRIu64
	       " dropped; by the floor program %" PRIu64 " of %" PRIu64 " messages\n",
	       b->seen.prepares, expected, b->seen.answers, expected, b->seen.others, dropped,
	       b->floor_records, floor);
	if (b->seen.prepares == expected && b->seen.answers == expected && !b->seen.others &&
	    !dropped && b->floor_records == floor)
		return EXIT_SUCCESS;
	fputs("bench_bpf: not everything was decoded, so the figures do not count\n", stderr);
	return EXIT_FAILURE;
}

static struct held hold_conversations(struct bench *b, struct rounds *r, unsigned exchanges)
{
	struct held held = {0};

	for (int side = 0; side < SIDES; side++) {
		enter_cgroup(b->places[side].path);
		for (int c = 0; c < CONVERSATIONS; c++) {
			if (!life_of(c))
				open_traffic(&b->places[side], c);
		}
	}
	/* A round to warm up. */
	for (unsigned i = 0; i <= r->len; i++) {
		for (int c = 0; c < CONVERSATIONS; c++) {
			unsigned n = exchanges_of(c, exchanges);

			r->samples[c][i ? i - 1 : 0] = compare(b, c, n);
			held.ilp += is_ilp(c) ? n : 0;
			held.http2 += c == HTTP2 ? n : 0;
		}
	}
	for (int side = 0; side < SIDES; side++) {
		for (int c = 0; c < CONVERSATIONS; c++) {
			if (!life_of(c))
				traffic_close(&b->places[side].traffic[c]);
		}
	}
	return held;
}

static int run(struct bench *b, unsigned rounds, unsigned exchanges)
{
	static struct rounds r;
	pthread_t reader;
	struct held held;
	int stats, status;

	r.len = rounds;
	stay_on_one_processor();
	attach(b);
	stats = bpf_enable_stats(BPF_STATS_RUN_TIME);
	if (stats < 0)
		err(1, "cannot turn on the kernel's accounting of BPF run time");
	if (pthread_create(&reader, NULL, read_rings, b))
		errx(1, "no thread");
	held = hold_conversations(b, &r, exchanges);
	atomic_store(&b->ended, true);
	pthread_join(reader, NULL);
	close(stats);
	status = check(b, &held);
	if (status == EXIT_SUCCESS) {
		report(&r, KNOWN, "ILP", "bpf_ilp", "bpf_ilp_floor");
		report(&r, NEW, "ILP, new heads", NULL, "bpf_new_floor");
		report(&r, RAFIKI, "ILP of a Rafiki", NULL, "bpf_rafiki_floor");
		report(&r, COLD, "ILP, cold", NULL, "bpf_cold_floor");
		report(&r, OTHER, "other TCP", "bpf_other", "bpf_other_floor");
		report(&r, DATABASE, "a database", "bpf_database", "bpf_database_floor");
		report_multiple(&r, FIRST, "first exchange", "on a connection of its own",
				"bpf_first");
		report_multiple(&r, HTTP2, "HTTP/2", "in HTTP/2", "bpf_http2");
	}
	detach(b);
	return status;
}

/* --- a process of its own, so that the cgroups can be removed when it has ended ----------------*/

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

static void make_cgroups(struct bench *b)
{
	char *mount = cgroup_mount();

	if (!mount)
		errx(1, "cgroup v2 is not mounted");
	for (int side = 0; side < SIDES; side++) {
		char *path = b->places[side].path;

		snprintf(path, sizeof(b->places[side].path), "%.4000s/telltale-bench.%d.%d", mount,
			 (int)getpid(), side);
		if (mkdir(path, 0755))
			err(1, "cannot make %s; this measures as root", path);
	}
	free(mount);
}

int main(int argc, char **argv)
{
	unsigned rounds = argument(argc > 1 ? argv[1] : NULL, ROUNDS, ROUNDS_MAX);
	unsigned exchanges = argument(argc > 2 ? argv[2] : NULL, EXCHANGES, 1000000);
	static struct bench b;
	int status = 0;

	make_cgroups(&b);
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
	for (int side = 0; side < SIDES; side++) {
		if (rmdir(b.places[side].path))
			warn("cannot remove %s", b.places[side].path);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}
