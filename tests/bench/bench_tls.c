/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_tls.c - measures what a TLS call that has nothing to do with ILP costs when telltale reads
 * its process. Where this end is the client, the call is left alone at its entry; where it is the
 * server, the call is followed to its return.
 *
 * Two children call SSL_write and SSL_read in turn, one with telltale's breakpoints and one
 * without. The functions are this program's own. They do almost nothing and begin as Node.js's do,
 * so that the cost of the calls themselves does not hide what is measured. Figures are of the
 * processes' CPU time.
 *
 * Usage: bench_tls [ROUNDS [CALLS]], as root. tests/bench/report reads the last line, "FIGURE ...".
 */
#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tap/probe.h"
#include "tap/tlslib.h"

#define ROUNDS     25
#define ROUNDS_MAX 1000
#define CALLS      20000 /* a turn */

/* --- the library ------------------------------------------------------------------------------ */

struct ssl {
	char others[0x38];
	int server;
};

int SSL_write(struct ssl *ssl, const void *buf, int len);
int SSL_read(struct ssl *ssl, void *buf, int len);

/* Begins as a compiler that keeps frame pointers makes functions begin. */
#define FUNCTION(name, body)                                                                       \
	".globl " name "\n.type " name ", @function\n" name ": push %rbp\nmov %rsp, %rbp\n" body   \
	"\npop %rbp\nret\n.size " name ", . - " name "\n"

__asm__(".text\n" FUNCTION("SSL_write", "mov %edx, %eax") FUNCTION("SSL_read", "mov %edx, %eax")
		FUNCTION("SSL_free", "") FUNCTION("SSL_is_server", "mov 0x38(%rdi), %eax")
			FUNCTION("SSL_set_connect_state", "movl $0, 0x38(%rdi)"));

/* --- the children ----------------------------------------------------------------------------- */

enum child { BARE, TAPPED, CHILDREN };
enum call { WRITE, CLIENT_READ, SERVER_READ, KINDS };

static const char *const names[KINDS] = {"SSL_write", "SSL_read, client", "SSL_read, server"};

struct children {
	pid_t pids[CHILDREN];
	int to[CHILDREN], from[CHILDREN];
	uint64_t calls;
};

/* One turn. Returns what a call cost, in ns of CPU. */
static double turn(enum call kind, uint64_t calls)
{
	struct ssl ssl = {.server = kind == SERVER_READ};
	char bytes[64] = "Q\0\0\0\x3fselect balance from accounts";
	struct timespec a, b;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
	for (uint64_t i = 0; i < calls; i++) {
		if (kind == WRITE)
			SSL_write(&ssl, bytes, sizeof(bytes));
		else
			SSL_read(&ssl, bytes, sizeof(bytes));
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
	return ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) /
	       (double)calls;
}

static void start(struct children *c, enum child which)
{
	int to[2], from[2];

	if (pipe(to) || pipe(from))
		err(1, "pipe");
	c->pids[which] = fork();
	if (c->pids[which] < 0)
		err(1, "fork");
	if (c->pids[which] == 0) {
		uint8_t kind;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(to[1]);
		while (read(to[0], &kind, 1) == 1) {
			double ns = turn(kind, c->calls);

			if (write(from[1], &ns, sizeof(ns)) != sizeof(ns))
				break;
		}
		_exit(0);
	}
	close(to[0]);
	close(from[1]);
	c->to[which] = to[1];
	c->from[which] = from[0];
}

static double ask(struct children *c, enum child which, enum call kind)
{
	uint8_t byte = (uint8_t)kind;
	double ns;

	if (write(c->to[which], &byte, 1) != 1 ||
	    read(c->from[which], &ns, sizeof(ns)) != sizeof(ns))
		errx(1, "a child has ended");
	return ns;
}

static struct probe *tap(pid_t pid)
{
	const struct siphash_key session = {1, 2}, host = {3, 4};
	struct tlslib_cache *cache = tlslib_cache_new();
	struct tlslib *lib = calloc(1, sizeof(*lib));
	struct probe_tls *tls;
	struct probe *p;
	char why[512];

	if (!cache || !lib || tlslib_find(cache, pid, lib, 1, UINT64_MAX) != 1)
		errx(1, "this program is not seen to have a TLS library");
	if (probe_open(&session, &host, 1, 64, &p, why, sizeof(why)) ||
	    probe_attach_tls(p, pid, 0, lib->path, &lib->offsets, &tls, why, sizeof(why)))
		errx(1, "%s", why);
	tlslib_cache_free(cache);
	free(lib);
	return p;
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

int main(int argc, char **argv)
{
	size_t rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : ROUNDS;
	struct children c = {.calls = argc > 2 ? strtoul(argv[2], NULL, 10) : CALLS};
	static double ns[CHILDREN][KINDS][ROUNDS_MAX];
	double cost[KINDS];
	struct probe *p;

	if (!rounds || rounds > ROUNDS_MAX || !c.calls)
		errx(2, "usage: bench_tls [ROUNDS, at most %d [CALLS]]", ROUNDS_MAX);
	start(&c, BARE);
	start(&c, TAPPED);
	p = tap(c.pids[TAPPED]);
	for (size_t i = 0; i < rounds; i++) {
		for (int kind = 0; kind < KINDS; kind++) {
			for (int which = 0; which < CHILDREN; which++)
				ns[which][kind][i] = ask(&c, which, kind);
		}
	}
	printf("%-20s %16s %16s\n", "ns of CPU a call", "without", "with");
	for (int kind = 0; kind < KINDS; kind++) {
		for (int which = 0; which < CHILDREN; which++)
			qsort(ns[which][kind], rounds, sizeof(double), compare);
		printf("%-20s %16.1f %16.1f\n", names[kind], ns[BARE][kind][rounds / 2],
		       ns[TAPPED][kind][rounds / 2]);
		cost[kind] = ns[TAPPED][kind][rounds / 2] - ns[BARE][kind][rounds / 2];
	}
	printf("FIGURE tls_left %.2f\n", cost[CLIENT_READ] / cost[SERVER_READ]);
	for (int which = 0; which < CHILDREN; which++) {
		kill(c.pids[which], SIGKILL);
		waitpid(c.pids[which], NULL, 0);
	}
	probe_close(p);
	return 0;
}
