/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shim.c - a bad network between two network namespaces: a tun device in each, and this program
 * carrying packets between them with loss, duplication, reordering and flipped bits, from a seed.
 *
 * With a tun device without the vnet header, the kernel cuts segments to size, computes their
 * checksums and verifies those that come in, as with a plain network card. A thread on each CPU
 * passes packets to the kernel, each packet on a random one, so that two CPUs have segments of one
 * socket at once.
 *
 * Usage: shim DEVICE NETNS NETNS [seed=N] [loss=P] [dup=P] [reorder=P] [corrupt=P] [hold_us=N]
 *             [there_us=N] [back_us=N]
 *   NETNS: a path such as /proc/1234/ns/net; P: a share of the packets, from 0 to 1; hold_us: what
 * a reordered packet waits at most; there_us, back_us: how long each packet takes from the first to
 * the second namespace, and back: then it takes precedence over other programs where it may, and
 * says of each handshake that begins in the first one how long it took, "handshake 15123 us".
 * Prints "ready", and on SIGTERM what it did.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <linux/if_tun.h>

#include "tests/unit/support/seeded.h"

#define PACKET_MAX 2048
#define HELD_MAX   4096
#define QUEUE_MAX  8192
#define WRITERS    2

struct packet {
	int fd; /* where it goes */
	size_t len;
	uint64_t due_ns;
	uint64_t asked_ns; /* when the SYN was read that this one answers; 0: it answers none */
	uint8_t bytes[PACKET_MAX];
};

struct writer {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t some;
	struct packet *queue;
	size_t first, len;
	int cpu;
};

struct shim {
	int fds[2];
	struct seeded random;
	double loss, dup, reorder, corrupt;
	uint64_t hold_us, way_us[2];
	uint64_t syn_ns[65536]; /* when the last one was read, by its source port */
	struct packet *held;
	size_t held_len;
	struct writer writers[WRITERS];
	unsigned long carried, lost, doubled, reordered, corrupted, overflown;
};

static volatile sig_atomic_t ended;

static void end(int number)
{
	(void)number;
	ended = 1;
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static bool chance(struct shim *s, double share)
{
	return (double)seeded_below(&s->random, 1u << 30) < share * (1u << 30);
}

static int open_tun(const char *netns, const char *device)
{
	struct ifreq ifr = {.ifr_flags = IFF_TUN | IFF_NO_PI};
	int ns = open(netns, O_RDONLY | O_CLOEXEC), fd;

	if (ns < 0 || setns(ns, CLONE_NEWNET))
		err(1, "cannot enter %s", netns);
	close(ns);
	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", device);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr))
		err(1, "cannot make the device %s in %s", device, netns);
	return fd;
}

/* --- handing in ------------------------------------------------------------------------------ */

static void *write_packets(void *context)
{
	struct writer *w = context;
	struct packet p;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(w->cpu, &set);
	pthread_setaffinity_np(w->thread, sizeof(set), &set); /* where there are so many */
	for (;;) {
		pthread_mutex_lock(&w->lock);
		while (!w->len)
			pthread_cond_wait(&w->some, &w->lock);
		p = w->queue[w->first];
		w->first = (w->first + 1) % QUEUE_MAX;
		w->len--;
		pthread_mutex_unlock(&w->lock);
		if (p.fd < 0)
			return NULL;
		if (write(p.fd, p.bytes, p.len) < 0 && errno != EIO && errno != EAGAIN &&
		    errno != ENOBUFS && errno != EINVAL)
			err(1, "cannot hand a packet in");
		if (p.asked_ns) {
			printf("handshake %lu us\n", (now_ns() - p.asked_ns) / 1000);
			fflush(stdout);
		}
	}
}

static void hand_in(struct shim *s, const struct packet *p)
{
	struct writer *w = &s->writers[seeded_below(&s->random, WRITERS)];

	pthread_mutex_lock(&w->lock);
	if (w->len < QUEUE_MAX)
		w->queue[(w->first + w->len++) % QUEUE_MAX] = *p;
	else
		s->overflown++;
	pthread_cond_signal(&w->some);
	pthread_mutex_unlock(&w->lock);
}

static void start_writers(struct shim *s)
{
	for (int i = 0; i < WRITERS; i++) {
		struct writer *w = &s->writers[i];

		w->cpu = i;
		w->queue = calloc(QUEUE_MAX, sizeof(*w->queue));
		if (!w->queue)
			err(1, "no memory");
		pthread_mutex_init(&w->lock, NULL);
		pthread_cond_init(&w->some, NULL);
		if (pthread_create(&w->thread, NULL, write_packets, w))
			errx(1, "no thread");
	}
}

/* --- handshakes ------------------------------------------------------------------------------ */

/* The flags of TCP over IPv4 without options; 0: it is something else. */
static unsigned flags_of(const struct packet *p)
{
	return p->len >= 40 && p->bytes[0] == 0x45 && p->bytes[9] == 6 ? p->bytes[33] : 0;
}

static void time_handshake(struct shim *s, struct packet *p)
{
	unsigned syn = flags_of(p) & 0x12;

	p->asked_ns = 0;
	if (syn == 0x02 && p->fd == s->fds[1])
		s->syn_ns[p->bytes[20] << 8 | p->bytes[21]] = now_ns();
	if (syn == 0x12 && p->fd == s->fds[0] && s->way_us[0])
		p->asked_ns = s->syn_ns[p->bytes[22] << 8 | p->bytes[23]];
}

/* --- faults ---------------------------------------------------------------------------------- */

/* Flips one bit in the part that the IP header's checksum does not cover. */
static void flip(struct shim *s, struct packet *p)
{
	size_t head = (size_t)(p->bytes[0] & 15) * 4;

	if (p->bytes[0] >> 4 != 4 || p->len <= head)
		return;
	p->bytes[head + seeded_below(&s->random, p->len - head)] ^=
		(uint8_t)(1u << seeded_below(&s->random, 8));
	s->corrupted++;
}

static void pass(struct shim *s, struct packet *p)
{
	uint64_t wait_ns = s->way_us[p->fd == s->fds[0]] * 1000;
	bool reorder;

	if (chance(s, s->corrupt))
		flip(s, p);
	reorder = chance(s, s->reorder);
	if ((!reorder && !wait_ns) || s->held_len == HELD_MAX) {
		hand_in(s, p);
		return;
	}
	if (reorder) {
		s->reordered++;
		wait_ns += seeded_below(&s->random, s->hold_us * 1000 + 1);
	}
	p->due_ns = now_ns() + wait_ns;
	s->held[s->held_len++] = *p;
}

static void carry(struct shim *s, int from)
{
	struct packet p, again;

	for (int i = 0; i < 64; i++) {
		ssize_t n = read(s->fds[from], p.bytes, sizeof(p.bytes));

		if (n <= 0)
			return;
		p.len = (size_t)n;
		p.fd = s->fds[!from];
		time_handshake(s, &p);
		s->carried++;
		if (chance(s, s->loss)) {
			s->lost++;
			continue;
		}
		if (chance(s, s->dup)) {
			again = p;
			s->doubled++;
			pass(s, &again);
		}
		pass(s, &p);
	}
}

/* Until something is due, or for a while. */
static void wait_for_packets(struct shim *s, struct pollfd polls[2])
{
	uint64_t now = now_ns(), due = now + 200000000;
	struct timespec rest;

	for (size_t i = 0; i < s->held_len; i++)
		due = s->held[i].due_ns < due ? s->held[i].due_ns : due;
	due = due > now ? due - now : 0;
	rest = (struct timespec){(time_t)(due / 1000000000), (long)(due % 1000000000)};
	ppoll(polls, 2, &rest, NULL);
}

static void let_go(struct shim *s)
{
	uint64_t now = now_ns();

	for (size_t i = 0; i < s->held_len;) {
		if (s->held[i].due_ns > now) {
			i++;
			continue;
		}
		hand_in(s, &s->held[i]);
		s->held[i] = s->held[--s->held_len];
	}
}

static double option(char **argv, const char *name, double fallback)
{
	size_t len = strlen(name);

	for (; *argv; argv++)
		if (!strncmp(*argv, name, len) && (*argv)[len] == '=')
			return strtod(*argv + len + 1, NULL);
	return fallback;
}

int main(int argc, char **argv)
{
	static struct shim s;
	struct pollfd polls[2];

	if (argc < 4)
		errx(2, "usage: shim DEVICE NETNS NETNS [seed=N] [loss=P] [dup=P] [reorder=P] "
			"[corrupt=P] [hold_us=N] [there_us=N] [back_us=N]");
	s.random.state = (uint64_t)option(argv + 4, "seed", 1);
	s.loss = option(argv + 4, "loss", 0);
	s.dup = option(argv + 4, "dup", 0);
	s.reorder = option(argv + 4, "reorder", 0);
	s.corrupt = option(argv + 4, "corrupt", 0);
	s.hold_us = (uint64_t)option(argv + 4, "hold_us", 3000);
	s.way_us[0] = (uint64_t)option(argv + 4, "there_us", 0);
	s.way_us[1] = (uint64_t)option(argv + 4, "back_us", 0);
	s.held = calloc(HELD_MAX, sizeof(*s.held));
	if (!s.held)
		err(1, "no memory");
	for (int i = 0; i < 2; i++) {
		s.fds[i] = open_tun(argv[2 + i], argv[1]);
		polls[i] = (struct pollfd){.fd = s.fds[i], .events = POLLIN};
	}
	if (s.way_us[0])
		sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){.sched_priority = 1});
	signal(SIGTERM, end);
	start_writers(&s);
	puts("ready");
	fflush(stdout);
	while (!ended) {
		wait_for_packets(&s, polls);
		for (int i = 0; i < 2; i++)
			if (polls[i].revents & POLLIN)
				carry(&s, i);
		let_go(&s);
	}
	printf("carried %lu lost %lu doubled %lu reordered %lu corrupted %lu overflown %lu\n",
	       s.carried, s.lost, s.doubled, s.reordered, s.corrupted, s.overflown);
	return 0;
}
