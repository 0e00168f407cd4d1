/* SPDX-License-Identifier: Apache-2.0 */
/*
 * segments.c - what TCP and IP allow besides plain segments, past the programs in the kernel: what
 * the other end's TCP takes is read, once, and what it drops is not.
 *
 * This process holds both ends, over loopback in a network namespace of its own.
 *
 * Usage: segments CGROUP, as root, CGROUP an empty one that this process may enter; TAP.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <spawn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/tcp.h>

#include "bpf/record.h"
#include "halves/ring.h"
#include "tap/probe_parts.h"
#include "tests/unit/support/packets.h"

#define EXPIRES   "20991231235959123"
#define CONDITION "the 32 bytes of a condition....."
#define SEEN_MAX  64

struct message {
	size_t len;
	uint8_t bytes[2000];
};

/* What came out of the ring of the end that answers, and SENT: Prepares of the one that asks. */
struct seen {
	size_t sent;
	uint64_t prepares[SEEN_MAX]; /* their amounts */
	size_t prepares_len;
	uint32_t answered[SEEN_MAX]; /* exchanges that a Fulfill ended */
	size_t answered_len;
	size_t gaps;   /* and connections that cannot be read */
	size_t unsure; /* messages that say their number is not certain, or their peer not known */
	uint8_t numbering; /* of the last message */
};

static const struct siphash_key session_secret = {1, 2}, host_secret = {3, 4};
static struct cgroup target;
static struct probe_cgroup *attached;
static struct probe *probe;
static struct ring *ring;
static struct seen seen;
static int tests, failed;

/* --- both ends ------------------------------------------------------------------------------- */

static void say_packet(struct message *m, const char *front, const char *head,
		       const struct packet *p)
{
	int n = snprintf((char *)m->bytes, sizeof(m->bytes),
			 "%s%s\r\nContent-Type: application/octet-stream\r\n"
			 "Content-Length: %zu\r\n\r\n",
			 front, head, p->len);

	memcpy(m->bytes + n, p->bytes, p->len);
	m->len = (size_t)n + p->len;
}

/* A POST of a Prepare of AMOUNT behind the bytes FRONT. */
static void say_prepare(struct message *m, const char *front, uint64_t amount)
{
	static struct packet p;

	packet_prepare(&p, amount, EXPIRES, CONDITION, "g.us.bob", 40);
	say_packet(m, front, "POST / HTTP/1.1\r\nHost: h", &p);
}

static void say_fulfill(struct message *m, const char *front)
{
	static struct packet p;

	packet_fulfill(&p, 30);
	say_packet(m, front, "HTTP/1.1 200 OK", &p);
}

static void must(bool ok, const char *what)
{
	if (!ok)
		err(2, "%s", what);
}

static int listen_on(int family, struct sockaddr_storage *address)
{
	struct sockaddr_in *v4 = (void *)address;
	struct sockaddr_in6 *v6 = (void *)address;
	socklen_t len = sizeof(*address);
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memset(address, 0, sizeof(*address));
	address->ss_family = (sa_family_t)family;
	if (family == AF_INET)
		v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		v6->sin6_addr = in6addr_loopback;
	must(fd >= 0 && !bind(fd, (void *)address, sizeof(*v6)) && !listen(fd, 16) &&
		     !getsockname(fd, (void *)address, &len),
	     "a listener on loopback");
	return fd;
}

struct pair {
	int asks, answers;
};

static void set(int fd, int level, int option, int value)
{
	must(!setsockopt(fd, level, option, &value, sizeof(value)), "setsockopt");
}

static struct pair pair_open(int family, int option, const void *value, socklen_t value_len)
{
	struct sockaddr_storage address;
	int listener = listen_on(family, &address);
	struct pair p = {.asks = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)};

	if (value)
		must(!setsockopt(p.asks, IPPROTO_IPV6, option, value, value_len), "IPv6 options");
	must(!connect(p.asks, (void *)&address, sizeof(struct sockaddr_in6)), "connect");
	p.answers = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	must(p.answers >= 0, "accept");
	close(listener);
	set(p.asks, IPPROTO_TCP, TCP_NODELAY, 1);
	set(p.answers, IPPROTO_TCP, TCP_NODELAY, 1);
	return p;
}

static struct pair pair_plain(void)
{
	return pair_open(AF_INET, 0, NULL, 0);
}

static void pair_close(struct pair p)
{
	close(p.asks);
	close(p.answers);
}

/* FROM sends M as one segment, and TO reads it. */
static void pass(int from, int to, const struct message *m)
{
	uint8_t sink[sizeof(m->bytes)];

	must(send(from, m->bytes, m->len, MSG_NOSIGNAL) == (ssize_t)m->len &&
		     recv(to, sink, m->len, MSG_WAITALL) == (ssize_t)m->len,
	     "bytes over loopback");
}

static void ask(struct pair p, const char *front, uint64_t amount)
{
	struct message m;

	say_prepare(&m, front, amount);
	pass(p.asks, p.answers, &m);
}

static void answer(struct pair p, const char *front)
{
	struct message m;

	say_fulfill(&m, front);
	pass(p.answers, p.asks, &m);
}

static void say(struct pair p, bool asks, const char *text)
{
	struct message m;

	m.len = (size_t)snprintf((char *)m.bytes, sizeof(m.bytes), "%s", text);
	pass(asks ? p.asks : p.answers, asks ? p.answers : p.asks, &m);
}

#define GET "GET /health HTTP/1.1\r\nHost: h\r\n\r\n"
#define OK  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

/* --- HTTP/2 ---------------------------------------------------------------------------------- */

#define PREFACE_LEN 24

static void put(struct message *m, const void *bytes, size_t len)
{
	memcpy(m->bytes + m->len, bytes, len);
	m->len += len;
}

static void put_frame(struct message *m, uint8_t type, uint8_t flags, uint8_t stream,
		      const void *bytes, size_t len)
{
	const uint8_t head[] = {0, (uint8_t)(len >> 8), (uint8_t)len, type, flags, 0, 0, 0, stream};

	put(m, head, sizeof(head));
	put(m, bytes, len);
}

/* Behind what is in M: a connection in HTTP/2 whose first request is a Prepare of AMOUNT. */
static void frame_request(struct message *m, uint64_t amount)
{
	static const uint8_t fields[] = {0x83, 0x84, 0x86}; /* POST / by http */
	struct packet p;

	packet_prepare(&p, amount, EXPIRES, CONDITION, "g.us.bob", 40);
	put(m, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", PREFACE_LEN);
	put_frame(m, 4, 0, 0, "", 0);
	put_frame(m, 1, 4, 1, fields, sizeof(fields));
	put_frame(m, 0, 1, 1, p.bytes, p.len);
}

/* It is fulfilled. */
static void frame_answer(struct pair pair)
{
	static const uint8_t fields[] = {0x88}; /* 200 */
	struct message m = {0};
	struct packet p;

	packet_fulfill(&p, 30);
	put_frame(&m, 4, 0, 0, "", 0);
	put_frame(&m, 1, 4, 1, fields, sizeof(fields));
	put_frame(&m, 0, 1, 1, p.bytes, p.len);
	pass(pair.answers, pair.asks, &m);
}

/* --- what came out --------------------------------------------------------------------------- */

static void take_message(const struct record_message *m)
{
	if (m->head.role != RECORD_ROLE_SERVER) {
		seen.sent += m->kind == RECORD_KIND_PREPARE;
		return;
	}
	seen.unsure += !!(m->flags & (RECORD_UNSURE | RECORD_NAMELESS));
	seen.numbering = m->numbering;
	if (m->kind == RECORD_KIND_PREPARE && seen.prepares_len < SEEN_MAX)
		seen.prepares[seen.prepares_len++] = m->amount;
	if (m->kind == RECORD_KIND_FULFILL && seen.answered_len < SEEN_MAX)
		seen.answered[seen.answered_len++] = m->stream;
}

static void take_record(void *context, const void *record, size_t size)
{
	const struct record_head *head = record;
	const struct record_gap *gap = record;

	(void)context;
	(void)size;
	if (head->type == RECORD_MESSAGE)
		take_message(record);
	if ((head->type == RECORD_GAP && gap->ingress) || head->type == RECORD_OPAQUE)
		seen.gaps++;
}

static void take_all(void)
{
	while (ring_consume(ring, take_record, NULL))
		;
}

/* Prepares of 1, 2, ... PREPARES came in, ANSWERED of them were fulfilled, there were GAPS, and
 * UNSURE of the messages say that their number is likely only, the last one in NUMBERING. */
static void check_numbers(const char *title, size_t prepares, size_t answered, size_t gaps,
			  size_t unsure, uint8_t numbering)
{
	bool ok;

	take_all();
	ok = seen.unsure == unsure && seen.numbering == numbering &&
	     seen.prepares_len == prepares && seen.answered_len == answered && seen.gaps == gaps;
	for (size_t i = 0; ok && i < prepares; i++)
		ok = seen.prepares[i] == i + 1;
	printf("%sok %d - %s\n", ok ? "" : "not ", ++tests, title);
	if (!ok)
		printf("# %zu Prepares (the first of %llu), %zu answers, %zu gaps, %zu unsure, "
		       "numbering %u\n",
		       seen.prepares_len, (unsigned long long)seen.prepares[0], seen.answered_len,
		       seen.gaps, seen.unsure, seen.numbering);
	failed += !ok;
	memset(&seen, 0, sizeof(seen));
}

static void came(const char *title, size_t prepares, size_t answered, size_t gaps)
{
	check_numbers(title, prepares, answered, gaps, 0, 0);
}

static void check_sent(const char *title, size_t sent)
{
	take_all();
	printf("%sok %d - %s\n", seen.sent == sent ? "" : "not ", ++tests, title);
	if (seen.sent != sent)
		printf("# %zu Prepares\n", seen.sent);
	failed += seen.sent != sent;
	memset(&seen, 0, sizeof(seen));
}

/* --- IPv6 ------------------------------------------------------------------------------------ */

static void options_come_before_tcp(void)
{
	static const uint8_t options[8] = {0, 0, 1, 4}; /* padding */
	struct pair p = pair_open(AF_INET6, IPV6_DSTOPTS, options, sizeof(options));

	ask(p, "", 1);
	must(!setsockopt(p.asks, IPPROTO_IPV6, IPV6_HOPOPTS, options, sizeof(options)), "options");
	must(!setsockopt(p.answers, IPPROTO_IPV6, IPV6_DSTOPTS, options, sizeof(options)),
	     "options");
	answer(p, "");
	ask(p, "", 2);
	answer(p, "");
	pair_close(p);
	came("IPv6 options before TCP, of one kind and of two, hide nothing", 2, 2, 0);
}

#define BIG_BODY 150000

/* COUNT bytes from FROM to TO, which reads them. */
static void pass_big(int from, int to, uint8_t *bytes, size_t count)
{
	must(send(from, bytes, count, MSG_NOSIGNAL) == (ssize_t)count &&
		     recv(to, bytes, count, MSG_WAITALL) == (ssize_t)count,
	     "many bytes over loopback");
}

static bool loopback_takes_big(void)
{
	static const char *const words[] = {"ip",           "link",         "set",
					    "lo",           "gso_max_size", "400000",
					    "gro_max_size", "400000",       NULL};
	int status;
	pid_t pid;

	return !posix_spawnp(&pid, words[0], NULL, NULL, (char *const *)words, environ) &&
	       waitpid(pid, &status, 0) == pid && !status;
}

/* A long POST that is none of ours, and a Prepare behind it, in one call: once the windows have
 * grown, more than 64 KiB of them leave as one (BIG TCP), and say so in a jumbo option. */
static void more_than_64_kib_may_come_as_one(void)
{
	static uint8_t bytes[BIG_BODY + 4000];
	struct message m;
	struct pair p;

	if (!loopback_takes_big()) {
		printf("ok %d - jumbo options # SKIP this kernel or iproute2 has no BIG TCP\n",
		       ++tests);
		return;
	}
	p = pair_open(AF_INET6, 0, NULL, 0);
	set(p.asks, SOL_SOCKET, SO_SNDBUFFORCE, 1 << 23);
	set(p.answers, SOL_SOCKET, SO_RCVBUFFORCE, 1 << 23);
	for (uint64_t i = 1; i <= 20; i++) {
		size_t n = (size_t)sprintf(
			(char *)bytes, "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n",
			BIG_BODY);

		memset(bytes + n, 'x', BIG_BODY);
		say_prepare(&m, "", i);
		memcpy(bytes + n + BIG_BODY, m.bytes, m.len);
		pass_big(p.asks, p.answers, bytes, n + BIG_BODY + m.len);
		say(p, false, OK);
		answer(p, "");
	}
	pair_close(p);
	came("nor do jumbo options, of more than 64 KiB that come as one", 20, 20, 0);
}

/* --- what TCP drops -------------------------------------------------------------------------- */

static uint32_t sum(uint32_t sum, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;

	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? at[i] : (uint32_t)at[i] << 8;
	return sum;
}

static uint32_t queue_seq(int fd, int queue)
{
	uint32_t seq;
	socklen_t len = sizeof(seq);

	set(fd, IPPROTO_TCP, TCP_REPAIR, 1);
	set(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, queue);
	must(!getsockopt(fd, IPPROTO_TCP, TCP_QUEUE_SEQ, &seq, &len), "sequence numbers");
	set(fd, IPPROTO_TCP, TCP_REPAIR, -1);
	return seq;
}

static uint32_t tcp_clock(int fd)
{
	uint32_t ms;
	socklen_t len = sizeof(ms);

	must(!getsockopt(fd, IPPROTO_TCP, TCP_TIMESTAMP, &ms, &len), "the clock of timestamps");
	return ms;
}

/* How a segment that the end that asks might send is forged. */
struct forged {
	uint32_t seq_off, ack_off; /* added to the numbers that are right */
	uint32_t age;              /* of its timestamp, in milliseconds; 0: it has none */
	bool no_ack, syn, fin, rst;
};

static void forge(struct pair p, const struct message *m, const struct forged *how)
{
	static const uint8_t front[] = {1, 1, 8, 10}; /* two bytes of padding, and a timestamp */
	const uint32_t stamps[] = {htonl(tcp_clock(p.asks) - how->age), 0};
	struct sockaddr_in from = {0}, to = {0};
	socklen_t len = sizeof(from);
	struct {
		struct tcphdr tcp;
		uint8_t options[sizeof(front) + sizeof(stamps)];
	} head = {.tcp = {.doff = how->age ? 8 : 5, .psh = 1, .ack = !how->no_ack}};
	size_t head_len = head.tcp.doff * 4U;
	uint8_t segment[sizeof(head) + sizeof(m->bytes)];
	int raw = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_TCP);
	uint32_t s;

	must(raw >= 0 && !getsockname(p.asks, (void *)&from, &len) &&
		     !getpeername(p.asks, (void *)&to, &len),
	     "a raw socket");
	head.tcp.syn = how->syn;
	head.tcp.fin = how->fin;
	head.tcp.rst = how->rst;
	head.tcp.window = 0xffff;
	head.tcp.source = from.sin_port;
	head.tcp.dest = to.sin_port;
	head.tcp.seq = htonl(queue_seq(p.asks, TCP_SEND_QUEUE) - how->syn + how->seq_off);
	head.tcp.ack_seq = htonl(queue_seq(p.asks, TCP_RECV_QUEUE) + how->ack_off);
	memcpy(head.options, front, sizeof(front));
	memcpy(head.options + sizeof(front), stamps, sizeof(stamps));
	memcpy(segment, &head, head_len);
	memcpy(segment + head_len, m->bytes, m->len);
	s = sum(IPPROTO_TCP + (uint32_t)(head_len + m->len), &from.sin_addr, 4);
	s = sum(sum(s, &to.sin_addr, 4), segment, head_len + m->len);
	s = (s & 0xffff) + (s >> 16);
	s = (s & 0xffff) + (s >> 16);
	s = htons((uint16_t)~s);
	memcpy(segment + offsetof(struct tcphdr, check), &s, 2);
	to.sin_port = 0;
	must(sendto(raw, segment, head_len + m->len, 0, (void *)&to, sizeof(to)) > 0,
	     "a raw segment");
	close(raw);
}

static void decoys(struct pair p)
{
	const struct pair back = {.asks = p.answers, .answers = p.asks};
	struct message m, none = {0};

	say_prepare(&m, "", 999999);
	forge(p, &m, &(struct forged){.ack_off = 0x40000000});
	forge(p, &m, &(struct forged){.ack_off = 1});
	forge(p, &m, &(struct forged){.ack_off = (uint32_t)-100000000});
	forge(p, &m, &(struct forged){.no_ack = true});
	forge(p, &m, &(struct forged){.syn = true});
	forge(p, &none, &(struct forged){.fin = true, .ack_off = 1});
	forge(back, &none, &(struct forged){.fin = true, .ack_off = 1});
}

static void what_tcp_drops_is_dropped(void)
{
	struct pair p = pair_plain();

	decoys(p);
	ask(p, "", 1);
	decoys(p);
	answer(p, "");
	decoys(p);
	ask(p, "", 2);
	answer(p, "");
	pair_close(p);
	came("a segment that acknowledges what was not sent, or nothing, is not read, nor is its "
	     "end",
	     2, 2, 0);
}

static void an_old_acknowledgement_is_taken(void)
{
	struct pair p = pair_plain();
	struct message m;

	ask(p, "", 1);
	answer(p, "");
	say_prepare(&m, "", 2);
	/* TCP takes it: see that the bytes are there. */
	forge(p, &m, &(struct forged){.ack_off = (uint32_t)-20});
	must(recv(p.answers, m.bytes, m.len, MSG_WAITALL) == (ssize_t)m.len, "the segment");
	close(p.answers);
	close(p.asks);
	came("a segment that acknowledges a little less than the last one is read", 2, 1, 0);
}

static void what_came_before_is_not_read_again(void)
{
	static const char before[] = "bytes in place of those that TCP has.";
	struct pair p = pair_plain();
	struct message m;

	ask(p, "", 1);
	answer(p, "");
	say_prepare(&m, before, 2);
	forge(p, &m, &(struct forged){.seq_off = -(uint32_t)strlen(before)});
	m.len -= strlen(before);
	must(recv(p.answers, m.bytes, m.len, MSG_WAITALL) == (ssize_t)m.len, "the segment");
	close(p.answers);
	close(p.asks);
	came("of a segment that begins with what came before, the rest is read", 2, 1, 0);
}

/* A pair on which a request was answered, where the kernel says which socket's
 * segment it drops. Else the test is skipped. */
static bool pair_told(const char *title, struct pair *p)
{
	struct utsname name;
	int major = 0, minor = 0;

	uname(&name);
	sscanf(name.release, "%d.%d", &major, &minor);
	if (major < 6 || (major == 6 && minor < 11)) {
		printf("ok %d - %s # SKIP Linux %s does not say so\n", ++tests, title,
		       name.release);
		return false;
	}
	*p = pair_plain();
	ask(*p, "", 1);
	answer(*p, "");
	return true;
}

/* The second request, which TCP drops. */
static void forge_second(struct pair p, const struct forged *how)
{
	struct message m;

	say_prepare(&m, "", 2);
	forge(p, &m, how);
}

/* Another one is sent in its place. */
static void replace_second(struct pair p)
{
	ask(p, "", 999999);
	answer(p, "");
	pair_close(p);
}

static void what_the_tap_cannot_judge_is_announced(void)
{
	static const char title[] = "a segment that TCP drops for its old timestamp is announced";
	struct pair p;

	if (!pair_told(title, &p))
		return;
	forge_second(p, &(struct forged){.age = 600000});
	replace_second(p);
	came(title, 2, 2, 1);
}

/* A network does that, and the segment comes again as it was. */
static void what_is_late_is_not_announced(void)
{
	static const char title[] = "one whose timestamp is a little old is not";
	struct message m;
	struct pair p;

	if (!pair_told(title, &p))
		return;
	forge_second(p, &(struct forged){.age = 1000});
	say_prepare(&m, "", 2);
	pass(p.asks, p.answers, &m);
	answer(p, "");
	pair_close(p);
	came(title, 2, 2, 0);
}

static void what_is_outside_the_window_is_announced(void)
{
	static const char title[] = "so is one outside the window";
	struct pair p;

	if (!pair_told(title, &p))
		return;
	forge_second(p, &(struct forged){.seq_off = 1000000});
	ask(p, "", 2);
	answer(p, "");
	pair_close(p);
	came(title, 2, 2, 1);
}

/* An end that TCP drops, of the one that asks or of the one that ANSWERS. The connection goes on.
 */
static void end_and_go_on(const char *title, bool answers, const struct forged *how)
{
	struct message none = {0};
	struct pair p, back;

	if (!pair_told(title, &p))
		return;
	back = (struct pair){.asks = p.answers, .answers = p.asks};
	forge(answers ? back : p, &none, how);
	ask(p, "", 2);
	answer(p, "");
	pair_close(p);
	came(title, 2, 2, 1);
}

static void an_end_that_tcp_drops_is_announced(void)
{
	end_and_go_on("so is an end of who answers, for its old timestamp", true,
		      &(struct forged){.fin = true, .age = 600000});
	end_and_go_on("or outside the window", true,
		      &(struct forged){.fin = true, .seq_off = 900000});
	end_and_go_on("and one of who asks outside the window", false,
		      &(struct forged){.fin = true, .seq_off = 900000});
}

/* The tap believes it, for where TCP's queue of what came too early ends it does not know. */
static void a_reset_that_tcp_drops_is_announced(void)
{
	static const char title[] = "and a reset beside what came too early";
	struct message m, first, none = {0};
	struct pair p;

	if (!pair_told(title, &p))
		return;
	say_prepare(&first, "", 2);
	say_prepare(&m, "", 3);
	forge(p, &m, &(struct forged){.seq_off = (uint32_t)first.len});
	forge(p, &none, &(struct forged){.rst = true, .seq_off = 5});
	pass(p.asks, p.answers, &first);
	pass(p.asks, p.answers, &m);
	answer(p, "");
	answer(p, "");
	pair_close(p);
	check_numbers(title, 3, 3, 1, 4, 0);
}

static void what_comes_behind_the_end_is_announced(void)
{
	static const char title[] = "so is one behind the end of its direction";
	struct pair p;

	if (!pair_told(title, &p))
		return;
	shutdown(p.asks, SHUT_WR);
	forge_second(p, &(struct forged){0});
	pair_close(p);
	came(title, 2, 1, 1);
}

static void what_a_filter_drops_is_announced(void)
{
	static const char title[] = "so is one that a filter of the socket drops";
	struct sock_filter none = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog filter = {.len = 1, .filter = &none};
	struct pair p;

	if (!pair_told(title, &p))
		return;
	must(!setsockopt(p.answers, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)),
	     "a filter");
	forge_second(p, &(struct forged){0});
	set(p.answers, SOL_SOCKET, SO_DETACH_FILTER, 0);
	replace_second(p);
	came(title, 2, 2, 1);
}

static void what_tcp_keeps_already_is_not_announced(void)
{
	struct pair p = pair_plain();
	struct message m, first;

	ask(p, "", 1);
	answer(p, "");
	say_prepare(&first, "", 2);
	say_prepare(&m, "", 3);
	for (int i = 0; i < 3; i++)
		forge(p, &m, &(struct forged){.seq_off = (uint32_t)first.len});
	pass(p.asks, p.answers, &first);
	pass(p.asks, p.answers, &m);
	for (int i = 0; i < 3; i++)
		forge(p, &m, &(struct forged){.seq_off = (uint32_t)-m.len});
	answer(p, "");
	answer(p, "");
	pair_close(p);
	came("one that TCP has already, in order or not, is not", 3, 3, 0);
}

/* TCP takes the longer one of two segments that came too early and begin at the same byte. A
 * network sends bytes again as they were, in longer segments perhaps. BACK: which byte of those
 * that are there again is another one, counted from their end; 0: none. */
static void take_a_longer_one(const char *title, size_t back, size_t gaps)
{
	struct message first, second, third, both;
	struct pair p = pair_plain();

	ask(p, "", 1);
	answer(p, "");
	say_prepare(&first, "", 2);
	say_prepare(&second, "", 3);
	say_prepare(&third, "", 4);
	both = second;
	put(&both, third.bytes, third.len);
	if (back)
		both.bytes[second.len - back] ^= 1;
	forge(p, &second, &(struct forged){.seq_off = (uint32_t)first.len});
	forge(p, &both, &(struct forged){.seq_off = (uint32_t)first.len});
	pass(p.asks, p.answers, &first);
	pass(p.asks, p.answers, &second);
	pass(p.asks, p.answers, &third);
	for (int i = 0; i < 3; i++)
		answer(p, "");
	pair_close(p);
	came(title, 4, 4, gaps);
}

static void a_longer_one_is_held_against_what_it_replaces(void)
{
	take_a_longer_one("nor is one that repeats another, and is longer", 0, 0);
	take_a_longer_one("but one that ends with another byte is", 1, 1);
	take_a_longer_one("and one that begins with another", 180, 1);
}

/* --- what comes before its socket ------------------------------------------------------------ */

static void write_sysctl(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	must(fd >= 0 && write(fd, value, strlen(value)) > 0, path);
	close(fd);
}

static void a_request_in_the_syn(void)
{
	struct sockaddr_storage address;
	int listener = listen_on(AF_INET, &address);
	struct message m;
	uint8_t sink[2000];

	write_sysctl("/proc/sys/net/ipv4/tcp_fastopen", "5");
	for (uint64_t i = 1; i <= 3; i++) {
		struct pair p = {.asks = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};

		say_prepare(&m, "", i);
		must(sendto(p.asks, m.bytes, m.len, MSG_FASTOPEN, (void *)&address,
			    sizeof(struct sockaddr_in)) == (ssize_t)m.len,
		     "a request in the SYN");
		p.answers = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		must(recv(p.answers, sink, m.len, MSG_WAITALL) == (ssize_t)m.len, "the request");
		answer(p, "");
		pair_close(p);
	}
	close(listener);
	came("a request in the SYN that is not accepted as early data is read when it comes again",
	     3, 3, 0);
}

static void a_deferred_request_is_read_before_its_answer(void)
{
	struct sockaddr_storage address;
	int listener = listen_on(AF_INET, &address);
	struct pair p = {.asks = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	struct message m;
	uint8_t sink[2000];

	set(listener, IPPROTO_TCP, TCP_DEFER_ACCEPT, 30);
	must(!connect(p.asks, (void *)&address, sizeof(struct sockaddr_in)), "connect");
	say_prepare(&m, "", 1);
	must(send(p.asks, m.bytes, m.len, MSG_NOSIGNAL) == (ssize_t)m.len, "a request");
	p.answers = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	must(recv(p.answers, sink, m.len, MSG_WAITALL) == (ssize_t)m.len, "the request");
	came("a request that the listener waited for is read when its bytes are there", 1, 0, 0);
	answer(p, "");
	pair_close(p);
	close(listener);
	came("and its answer is its answer", 0, 1, 0);
}

/* --- the first bytes of a connection --------------------------------------------------------- */

static void any_request_may_be_the_first(void)
{
	static const char *const fronts[] = {
		"\r\n",
		"\r\n\r\n",
		"\r\n\r\n\r\n",
		"\r\n\r\n\r\n\r\n\r\n",
		"\n",
		"\n\n",
		GET,
		GET GET,
		"\r\n" GET,
		"PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi",
		"PROPFIND / HTTP/1.1\r\nHost: h\r\n\r\n\r\n",
		"M-SEARCH * HTTP/1.1\r\nHost: h\r\n\r\n",
		"VERSION-CONTROL /x HTTP/1.1\r\nHost: h\r\n\r\n",
	};
	size_t n = sizeof(fronts) / sizeof(fronts[0]);

	for (size_t i = 0; i < n; i++) {
		struct pair p = pair_plain();

		ask(p, fronts[i], i + 1);
		for (const char *get = fronts[i]; (get = strstr(get, "HTTP/1.1")); get++)
			say(p, false, OK);
		answer(p, "");
		pair_close(p);
	}
	came("a POST behind blank lines or other requests in its segment is read", n, n, 0);
}

/* A Prepare of AMOUNT behind the LEN bytes FRONT. */
static void say_behind(struct message *m, const void *front, size_t len, uint64_t amount)
{
	say_prepare(m, "", amount);
	memmove(m->bytes + len, m->bytes, m->len);
	memcpy(m->bytes, front, len);
	m->len += len;
}

static void ask_behind(struct pair p, const void *front, size_t len, uint64_t amount)
{
	struct message m;

	say_behind(&m, front, len, amount);
	pass(p.asks, p.answers, &m);
}

/* M as two segments, the first of CUT bytes. */
static void pass_cut(int from, int to, const struct message *m, size_t cut)
{
	struct message first = *m, rest = {.len = m->len - cut};

	first.len = cut;
	memcpy(rest.bytes, m->bytes + cut, rest.len);
	pass(from, to, &first);
	pass(from, to, &rest);
}

#define PROXY_FIXED 16

static const char proxy_line[] = "PROXY TCP4 192.0.2.7 192.0.2.1 40321 3002\r\n";
static const char proxy_header[] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0f"
				   "four\nfourPOST /";            /* addresses and more */
static const char proxy_local[] = "\r\n\r\n\0\r\nQUIT\n\x20\0\0"; /* and the 0 behind it */
static const struct {
	const char *bytes;
	size_t len;
} proxies[] = {
	{proxy_line, sizeof(proxy_line) - 1},
	{proxy_header, sizeof(proxy_header) - 1},
	{proxy_local, sizeof(proxy_local)},
};

static void a_proxy_may_say_where_it_comes_from(void)
{
	struct message m;
	uint64_t n = 0, http2 = 0;

	for (size_t i = 0; i < sizeof(proxies) / sizeof(proxies[0]); i++) {
		struct pair p = pair_plain();

		ask_behind(p, proxies[i].bytes, proxies[i].len, ++n);
		answer(p, "");
		ask(p, "", ++n);
		answer(p, "");
		pair_close(p);
		p = pair_plain();
		memcpy(m.bytes, proxies[i].bytes, proxies[i].len);
		m.len = proxies[i].len;
		pass(p.asks, p.answers, &m);
		ask(p, "", ++n);
		answer(p, "");
		pair_close(p);
	}
	came("a request behind what a proxy says of its connection is read, in its segment or not",
	     n, n, 0);
	for (size_t i = 0; i < sizeof(proxies) / sizeof(proxies[0]); i++) {
		struct pair p = pair_plain();

		memcpy(m.bytes, proxies[i].bytes, proxies[i].len);
		m.len = proxies[i].len;
		frame_request(&m, ++http2);
		pass(p.asks, p.answers, &m);
		frame_answer(p);
		pair_close(p);
	}
	came("so is one in HTTP/2, and its answer", http2, http2, 0);
}

/* What a proxy says, in FRONT, is cut at each byte up to END, a part of a request's head perhaps
 * among them. Returns how many requests were sent. */
static size_t cut_proxied(size_t front, size_t from, size_t end)
{
	uint64_t n = 0;

	for (size_t cut = from; cut < end; cut++) {
		struct pair p = pair_plain();
		struct message m;

		say_behind(&m, proxies[front].bytes, proxies[front].len, ++n);
		pass_cut(p.asks, p.answers, &m, cut);
		answer(p, "");
		pair_close(p);
	}
	return n;
}

static void what_a_proxy_says_may_be_cut(void)
{
	size_t line = proxies[0].len, header = proxies[1].len, n;
	struct message m = {0};
	struct pair p;

	n = cut_proxied(0, 1, line + strlen("POST / HTTP/1.1\r\n") + 1);
	came("the line of a proxy may be cut, or a request behind it", n, n, 0);
	n = cut_proxied(1, PROXY_FIXED, header + strlen("POST / HTTP/1.1\r\n") + 1);
	came("so may its header, behind the length of that", n, n, 0);
	for (size_t front = 0; front < 2; front++) {
		p = pair_plain();
		memcpy(m.bytes, proxies[front].bytes, proxies[front].len);
		m.len = proxies[front].len;
		frame_request(&m, front + 1);
		pass_cut(p.asks, p.answers, &m, PROXY_FIXED + 4);
		frame_answer(p);
		pair_close(p);
	}
	came("also before HTTP/2", 2, 2, 0);
	for (size_t cut = 1; cut < PROXY_FIXED; cut++) {
		p = pair_plain();
		say_behind(&m, proxies[1].bytes, header, 1);
		pass_cut(p.asks, p.answers, &m, cut);
		pair_close(p);
	}
	came("what hides a request that is cut before that is announced", 0, 0, PROXY_FIXED - 1);
}

static void a_preface_may_be_cut(void)
{
	uint64_t n = 0;

	for (size_t cut = 1; cut < PREFACE_LEN; cut++) {
		struct pair p = pair_plain();
		struct message m = {0}, first;

		frame_request(&m, ++n);
		first = m;
		first.len = cut;
		m.len -= cut;
		memmove(m.bytes, m.bytes + cut, m.len);
		pass(p.asks, p.answers, &first);
		pass(p.asks, p.answers, &m);
		frame_answer(p);
		pair_close(p);
	}
	came("a connection in HTTP/2 may begin with any part of its preface", n, n, 0);
}

/* Returns how many Prepares were sent. */
static size_t begin_with_a_few_bytes(void)
{
	static const char *const fronts[] = {"G",     "GE",      "GET",   "GET ",
					     "GET /", "GET /he", "DELETE"};
	uint64_t n = 0;

	for (size_t i = 0; i < sizeof(fronts) / sizeof(fronts[0]); i++) {
		struct pair p = pair_plain();
		struct message m;
		size_t cut = strlen(fronts[i]);

		say(p, true, fronts[i]);
		if (cut == strlen("DELETE"))
			say_prepare(&m, " /health HTTP/1.1\r\nHost: h\r\n\r\n", ++n);
		else
			say_prepare(&m, &GET[cut], ++n);
		pass(p.asks, p.answers, &m);
		say(p, false, OK);
		answer(p, "");
		pair_close(p);
	}
	return n;
}

static void any_request_may_begin_with_a_few_bytes(void)
{
	size_t n = begin_with_a_few_bytes();

	came("so may a request of any method, with a POST behind it", n, n, 0);
	check_sent("at the end that sends it too", begin_with_a_few_bytes());
}

static void so_it_is_in_an_early_segment(void)
{
	static const char *const fronts[] = {"\r\n", GET,
					     "PROXY TCP4 192.0.2.7 192.0.2.1 4 3002\r\n"};
	size_t n = sizeof(fronts) / sizeof(fronts[0]);
	struct sockaddr_storage address;
	int listener = listen_on(AF_INET, &address);
	struct message m;
	uint8_t sink[2000];

	set(listener, IPPROTO_TCP, TCP_DEFER_ACCEPT, 30);
	for (size_t i = 0; i < n; i++) {
		struct pair p = {.asks = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};

		must(!connect(p.asks, (void *)&address, sizeof(struct sockaddr_in)), "connect");
		say_prepare(&m, fronts[i], i + 1);
		must(send(p.asks, m.bytes, m.len, MSG_NOSIGNAL) == (ssize_t)m.len, "a request");
		p.answers = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		must(recv(p.answers, sink, m.len, MSG_WAITALL) == (ssize_t)m.len, "the request");
		if (strstr(fronts[i], "GET"))
			say(p, false, OK);
		answer(p, "");
		pair_close(p);
	}
	close(listener);
	came("so is one in the segment that completes the handshake, which the listener waited for",
	     n, n, 0);
}

static void a_connection_may_have_many_plain_requests(void)
{
	struct pair p = pair_plain();

	for (uint64_t i = 1; i <= 3; i++) {
		say(p, true, GET);
		say(p, false, OK);
		ask(p, GET, i);
		answer(p, OK);
	}
	came("so is one behind others later in its connection, and nothing is unsure", 3, 3, 0);
	say(p, true, "\r\n");
	ask(p, "", 1);
	answer(p, "");
	pair_close(p);
	came("and behind a blank line of a segment of its own", 1, 1, 0);
}

static void answers_are_paired_by_evidence(void)
{
	struct pair p = pair_plain();

	say(p, true, GET);
	ask(p, "", 1);
	ask(p, "", 2);
	say(p, false, OK);
	answer(p, "");
	answer(p, "");
	came("answers to POSTs behind one that is outstanding are theirs", 2, 2, 0);
	pair_close(p);
}

static void attached_in_the_middle_is_unsure(void)
{
	struct pair p = pair_plain();

	say(p, true, "UNSEEN, and longer than any request\r\n");
	ask(p, "", 1);
	answer(p, "");
	pair_close(p);
	check_numbers("a connection with bytes that were not read says that its numbers are unsure",
		      1, 1, 0, 2, 0);
}

static void an_answer_to_what_was_not_seen_is_reported(void)
{
	struct pair p = pair_plain();
	struct message whole, part;

	for (size_t cut = 20; cut < 130; cut += 50) {
		say(p, true, "UNSEEN, and longer than any request\r\n");
		say_fulfill(&whole, "");
		part.len = cut;
		memcpy(part.bytes, whole.bytes, cut);
		pass(p.answers, p.asks, &part);
		part.len = whole.len - cut;
		memcpy(part.bytes, whole.bytes + cut, part.len);
		pass(p.answers, p.asks, &part);
		say(p, false, OK);
	}
	pair_close(p);
	check_numbers(
		"an ILP answer to a request that was not seen is reported, whole or in parts, "
		"and no other answer",
		0, 3, 0, 3, 0);
}

static void an_answer_to_nothing_shifts_the_numbers(void)
{
	struct pair p = pair_plain();

	say(p, true, "UNSEEN, and longer than any request\r\n");
	ask(p, "", 1);
	answer(p, "");
	say(p, false, OK);
	ask(p, "", 2);
	answer(p, "");
	pair_close(p);
	check_numbers("an answer to a request that was not seen begins another numbering", 2, 2, 0,
		      4, 1);
}

static void what_was_missed_of_requests_is_unsure(void)
{
	struct pair p = pair_plain();

	ask(p, "", 1);
	answer(p, "");
	say(p, true, "POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n");
	ask(p, "", 2);
	answer(p, "");
	pair_close(p);
	check_numbers("behind a request that cannot be read, too, which answer is whose is unsure",
		      2, 2, 1, 2, 1);
}

/* --- ends ------------------------------------------------------------------------------------ */

static void await_reset(int fd)
{
	struct pollfd p = {.fd = fd};

	must(poll(&p, 1, 60000) == 1 && p.revents & POLLERR, "a reset");
}

/* The end that asks is killed: it says FIN, and RST to the answer. */
static void an_end_that_is_killed_leaves_no_hole(void)
{
	struct pair p = pair_plain();
	struct message m;

	ask(p, "", 1);
	close(p.asks);
	say_fulfill(&m, "");
	must(send(p.answers, m.bytes, m.len, MSG_NOSIGNAL) == (ssize_t)m.len, "an answer");
	await_reset(p.answers);
	close(p.answers);
	came("a reset behind the end of a direction is no hole of one byte", 1, 1, 0);
}

/* --- urgent bytes ---------------------------------------------------------------------------- */

static void an_urgent_byte_is_no_part_of_the_stream(void)
{
	struct pair p = pair_plain();

	for (uint64_t i = 1; i <= 4; i++) {
		if (i != 2)
			must(send(p.asks, "!", 1, MSG_OOB) == 1, "an urgent byte");
		ask(p, "", i);
		answer(p, "");
	}
	pair_close(p);
	came("an urgent byte between requests is no part of them", 4, 4, 0);
}

/* --- databases ------------------------------------------------------------------------------- */

/* A connection that begins with FIRST; then a Prepare is sent on it. */
static void begin_with(const struct message *first, struct pair *p)
{
	*p = pair_plain();
	pass(p->asks, p->answers, first);
	ask(*p, "", 1);
}

static void connect_anew(struct pair *p)
{
	struct sockaddr_storage address;
	struct sockaddr none = {.sa_family = AF_UNSPEC};
	int listener = listen_on(AF_INET, &address);

	must(!connect(p->asks, &none, sizeof(none)), "disconnect");
	close(p->answers);
	must(!connect(p->asks, (void *)&address, sizeof(struct sockaddr_in)), "connect");
	p->answers = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	must(p->answers >= 0, "accept");
	close(listener);
}

static void a_databases_connection_is_left_alone(void)
{
	const struct message postgres = {16, "\0\0\0\x10\0\3\0\0user\0ab"},
			     longer = {16, "\0\0\0\x11\0\3\0\0user\0ab"},
			     redis = {14, "*1\r\n$4\r\nPING\r\n"},
			     no_redis = {14, "*1\r\n+4\r\nPING\r\n"};
	struct pair p;

	begin_with(&postgres, &p);
	check_sent("what begins as PostgreSQL is looked at no more", 0);
	connect_anew(&p);
	ask(p, "", 1);
	check_sent("but the next connection of its socket is", 1);
	pair_close(p);
	begin_with(&redis, &p);
	check_sent("what begins as Redis is looked at no more", 0);
	pair_close(p);
	begin_with(&longer, &p);
	pair_close(p);
	begin_with(&no_redis, &p);
	pair_close(p);
	check_sent("what only looks like them is", 2);
	p = pair_plain();
	ask(p, "", 1);
	answer(p, "");
	pass(p.asks, p.answers, &redis);
	pair_close(p);
	p = pair_plain();
	say(p, true, "*");
	pass(p.asks, p.answers, &redis);
	ask(p, "", 1);
	pair_close(p);
	check_sent("and what says so later is", 2);
}

/* --- all of it ------------------------------------------------------------------------------- */

static void enter(const char *cgroup)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	char procs[4200], why[512] = "";
	int fd;
	FILE *f;

	snprintf(procs, sizeof(procs), "%s/cgroup.procs", cgroup);
	f = fopen(procs, "we");
	if (!f || fprintf(f, "0\n") < 0 || fclose(f))
		err(2, "cannot enter %s", cgroup);
	if (cgroup_open(cgroup, &target, why, sizeof(why)) ||
	    probe_open(&session_secret, &host_secret, 1, 64, &probe, why, sizeof(why)) ||
	    probe_attach_cgroup(probe, 0, &target, &attached, why, sizeof(why)))
		errx(2, "%s", why);
	probe_attach_witness(probe);
	late_end(probe->late); /* the programs that follow HTTP/2 are there */
	probe->late = NULL;
	if (ring_open(probe_ring(probe), PROBE_RING_BYTES, &ring))
		errx(2, "cannot map the ring");
	must(!unshare(CLONE_NEWNET), "a network namespace");
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	must(fd >= 0 && !ioctl(fd, SIOCSIFFLAGS, &lo), "loopback");
	close(fd);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		errx(2, "usage: %s CGROUP", argv[0]);
	setvbuf(stdout, NULL, _IOLBF, 0);
	enter(argv[1]);
	options_come_before_tcp();
	more_than_64_kib_may_come_as_one();
	what_tcp_drops_is_dropped();
	an_old_acknowledgement_is_taken();
	what_came_before_is_not_read_again();
	what_the_tap_cannot_judge_is_announced();
	what_is_late_is_not_announced();
	what_is_outside_the_window_is_announced();
	an_end_that_tcp_drops_is_announced();
	a_reset_that_tcp_drops_is_announced();
	what_comes_behind_the_end_is_announced();
	what_a_filter_drops_is_announced();
	what_tcp_keeps_already_is_not_announced();
	a_longer_one_is_held_against_what_it_replaces();
	a_request_in_the_syn();
	a_deferred_request_is_read_before_its_answer();
	any_request_may_be_the_first();
	a_proxy_may_say_where_it_comes_from();
	what_a_proxy_says_may_be_cut();
	a_preface_may_be_cut();
	any_request_may_begin_with_a_few_bytes();
	so_it_is_in_an_early_segment();
	a_connection_may_have_many_plain_requests();
	answers_are_paired_by_evidence();
	attached_in_the_middle_is_unsure();
	an_answer_to_what_was_not_seen_is_reported();
	an_answer_to_nothing_shifts_the_numbers();
	what_was_missed_of_requests_is_unsure();
	an_end_that_is_killed_leaves_no_hole();
	an_urgent_byte_is_no_part_of_the_stream();
	a_databases_connection_is_left_alone();
	printf("1..%d\n", tests);
	ring_close(ring);
	probe_close(probe);
	cgroup_close(&target);
	return failed > 0;
}
