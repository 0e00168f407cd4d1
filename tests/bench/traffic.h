/* SPDX-License-Identifier: Apache-2.0 */
/*
 * traffic.h - requests and answers over loopback TCP, as the connections of a connector carry them,
 * between a client and a server thread of this process.
 *
 * ILP: what a Rafiki node and its peer send. The request is a head of about 280 bytes and a Prepare
 * of 200 to 219 bytes in one write; the answer is its head and a Fulfill of 71 bytes in one write.
 * A payment has a handful of packets, an address and a size of its own. ILP_NEW: the same, but no
 * head is like the one before it. DATABASE: 100 to 600 random bytes each way, framed by a type byte
 * and a length as PostgreSQL does.
 *
 * When a system call fails the program ends, because there is nothing to measure then.
 */
#ifndef TELLTALE_BENCH_TRAFFIC_H
#define TELLTALE_BENCH_TRAFFIC_H

#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define TRAFFIC_CONNECTIONS 4 /* one exchange in flight on each */
#define TRAFFIC_MESSAGE_MAX 1024

#define TRAFFIC_PAYMENT   6   /* packets, on average */
#define TRAFFIC_PREPARE   200 /* bytes, at least */
#define TRAFFIC_FULFILL   71
#define TRAFFIC_ADDRESS   100
#define TRAFFIC_CONDITION (3 + 8 + 17) /* where it lies in the packet */

#define TRAFFIC_CACHE (4 << 20) /* bytes: more than the first and second level hold */
#define TRAFFIC_LINE  64

enum traffic_kind { TRAFFIC_ILP, TRAFFIC_ILP_NEW, TRAFFIC_DATABASE };

struct traffic_message {
	uint8_t bytes[TRAFFIC_MESSAGE_MAX];
	size_t len;
	size_t packet; /* ILP: where it begins */
	unsigned count;
};

struct traffic {
	enum traffic_kind kind;
	bool cold;
	unsigned seed; /* of the client; the server has its own */
	int clients[TRAFFIC_CONNECTIONS], servers[TRAFFIC_CONNECTIONS];
	pthread_t server;
	struct traffic_message requests[TRAFFIC_CONNECTIONS];
};

/* HEAD has conversions for the packet's length and for a number that makes it new. */
__attribute__((format(printf, 4, 0))) static inline void
traffic_packet(struct traffic_message *m, const uint8_t *packet, size_t len, const char *head)
{
	int n = snprintf((char *)m->bytes, sizeof(m->bytes), head, len, m->count % 1000);

	m->packet = (size_t)n;
	memcpy(m->bytes + m->packet, packet, len);
	m->len = m->packet + len;
}

static inline void traffic_random(uint8_t *to, size_t len, unsigned *seed)
{
	for (size_t i = 0; i < len; i++)
		to[i] = (uint8_t)rand_r(seed);
}

static inline void traffic_prepare(struct traffic_message *m, unsigned *seed)
{
	size_t len = TRAFFIC_PREPARE + (size_t)rand_r(seed) % 20;
	uint8_t packet[TRAFFIC_PREPARE + 20] = {12, 0x81, (uint8_t)(len - 3), [9] = 1, [10] = 42};
	uint8_t *p = packet + TRAFFIC_CONDITION;

	memcpy(p - 17, "20991231235959999", 17);
	p += 32;
	*p++ = TRAFFIC_ADDRESS;
	for (int i = 0; i < TRAFFIC_ADDRESS; i++)
		p[i] = (uint8_t)('a' + rand_r(seed) % 26);
	memcpy(p, "test.bench.receiver.", 20);
	p += TRAFFIC_ADDRESS;
	*p = (uint8_t)(packet + len - p - 1);
	traffic_packet(m, packet, len,
		       "POST /f7b9c1d2 HTTP/1.1\r\n"
		       "Accept: application/octet-stream\r\n"
		       "Content-Type: application/octet-stream\r\n"
		       "Authorization: Bearer 7d4e5b0a2f1c43c8\r\n"
		       "User-Agent: axios/1.8.2\r\n"
		       "Content-Length: %zu\r\n"
		       "Accept-Encoding: gzip, compress, deflate, br;q=0.%03u\r\n"
		       "Host: 127.0.0.1:3002\r\n"
		       "Connection: keep-alive\r\n\r\n");
}

static inline void traffic_fulfill(struct traffic_message *m)
{
	uint8_t packet[TRAFFIC_FULFILL] = {13, TRAFFIC_FULFILL - 2, [34] = TRAFFIC_FULFILL - 35};

	traffic_packet(m, packet, sizeof(packet),
		       "HTTP/1.1 200 OK\r\n"
		       "Content-Type: application/octet-stream\r\n"
		       "Content-Length: %zu\r\n"
		       "Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n"
		       "Connection: keep-alive\r\n"
		       "Keep-Alive: timeout=5, max=%03u\r\n\r\n");
}

static inline void traffic_renew_request(struct traffic_message *m, bool new_head, unsigned *seed)
{
	if (new_head)
		m->count++;
	if (new_head || !m->len || rand_r(seed) % TRAFFIC_PAYMENT == 0)
		traffic_prepare(m, seed);
	traffic_random(m->bytes + m->packet + TRAFFIC_CONDITION, 32, seed);
}

static inline void traffic_renew_answer(struct traffic_message *m, bool new_head)
{
	m->count += new_head;
	if (new_head || !m->len)
		traffic_fulfill(m);
}

static inline void traffic_renew_any(struct traffic_message *m, unsigned *seed)
{
	static const char types[] = "QBTDC*$+";
	uint32_t len;

	m->len = 100 + (unsigned)rand_r(seed) % 501;
	m->bytes[0] = (uint8_t)types[(unsigned)rand_r(seed) % 8];
	len = htonl((uint32_t)m->len);
	memcpy(m->bytes + 1, &len, sizeof(len));
	traffic_random(m->bytes + 5, 16, seed);
}

/* Turns the message into the next one of its conversation. */
static inline void traffic_renew(enum traffic_kind kind, struct traffic_message *m, bool request,
				 unsigned *seed)
{
	if (kind == TRAFFIC_DATABASE)
		traffic_renew_any(m, seed);
	else if (request)
		traffic_renew_request(m, kind == TRAFFIC_ILP_NEW, seed);
	else
		traffic_renew_answer(m, kind == TRAFFIC_ILP_NEW);
}

/* The length of the message that begins with these bytes; 0: not yet known. */
static inline size_t traffic_promised(enum traffic_kind kind, const uint8_t *bytes, size_t have)
{
	const char *end, *length;
	uint32_t promised;

	if (kind == TRAFFIC_DATABASE) {
		if (have < 5)
			return 0;
		memcpy(&promised, bytes + 1, sizeof(promised));
		return ntohl(promised);
	}
	end = memmem(bytes, have, "\r\n\r\n", 4);
	length = memmem(bytes, have, "\r\nContent-Length: ", 18);
	return end && length
		       ? (size_t)(end + 4 - (const char *)bytes) + strtoul(length + 18, NULL, 10)
		       : 0;
}

static inline void traffic_empty_caches(void)
{
	static volatile uint8_t cache[TRAFFIC_CACHE];

	for (size_t i = 0; i < sizeof(cache); i += TRAFFIC_LINE)
		cache[i]++;
}

static inline void traffic_send(const struct traffic *t, int fd, const struct traffic_message *m)
{
	if (t->cold)
		traffic_empty_caches();
	if (send(fd, m->bytes, m->len, MSG_NOSIGNAL) != (ssize_t)m->len)
		err(1, "traffic: send");
}

/* Receives one message; false at the end of the connection. */
static inline bool traffic_receive(int fd, enum traffic_kind kind)
{
	uint8_t buf[TRAFFIC_MESSAGE_MAX];
	size_t have = 0, len;

	do {
		ssize_t n = recv(fd, buf + have, sizeof(buf) - have, 0);

		if (n < 0)
			err(1, "traffic: recv");
		if (n == 0)
			return false;
		have += (size_t)n;
		len = traffic_promised(kind, buf, have);
	} while (!len || have < len);
	if (have != len)
		errx(1, "traffic: %zu bytes where %zu were sent", have, len);
	return true;
}

static inline void *traffic_serve(void *context)
{
	struct traffic *t = context;
	struct traffic_message answer = {0};
	unsigned seed = t->seed + 1;
	int epoll = epoll_create1(EPOLL_CLOEXEC), open = TRAFFIC_CONNECTIONS;

	for (int i = 0; i < open; i++) {
		struct epoll_event e = {.events = EPOLLIN, .data.fd = t->servers[i]};

		if (epoll_ctl(epoll, EPOLL_CTL_ADD, t->servers[i], &e))
			err(1, "traffic: epoll");
	}
	while (open) {
		struct epoll_event events[TRAFFIC_CONNECTIONS];
		int n = epoll_wait(epoll, events, TRAFFIC_CONNECTIONS, -1);

		for (int i = 0; i < n; i++) {
			int fd = events[i].data.fd;

			if (traffic_receive(fd, t->kind)) {
				traffic_renew(t->kind, &answer, false, &seed);
				traffic_send(t, fd, &answer);
			} else {
				close(fd);
				open--;
			}
		}
	}
	close(epoll);
	return NULL;
}

static inline void traffic_connect(struct traffic *t)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t at_len = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	if (listener < 0 || bind(listener, (struct sockaddr *)&at, sizeof(at)) ||
	    listen(listener, TRAFFIC_CONNECTIONS) ||
	    getsockname(listener, (struct sockaddr *)&at, &at_len))
		err(1, "traffic: listen");
	for (int i = 0; i < TRAFFIC_CONNECTIONS; i++) {
		t->clients[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (t->clients[i] < 0 || connect(t->clients[i], (struct sockaddr *)&at, sizeof(at)))
			err(1, "traffic: connect");
		t->servers[i] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (t->servers[i] < 0)
			err(1, "traffic: accept");
		setsockopt(t->clients[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		setsockopt(t->servers[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	}
	close(listener);
}

/* Opens the connections and starts the server. */
static inline void traffic_open(struct traffic *t, enum traffic_kind kind, bool cold, unsigned seed)
{
	int error;

	memset(t, 0, sizeof(*t));
	t->kind = kind;
	t->cold = cold;
	t->seed = seed;
	traffic_connect(t);
	error = pthread_create(&t->server, NULL, traffic_serve, t);
	if (error)
		errx(1, "traffic: no thread: %s", strerror(error));
}

/* Makes ROUNDS exchanges on each connection, in the calling thread. */
static inline void traffic_run(struct traffic *t, unsigned rounds)
{
	while (rounds--) {
		for (int i = 0; i < TRAFFIC_CONNECTIONS; i++) {
			traffic_renew(t->kind, &t->requests[i], true, &t->seed);
			traffic_send(t, t->clients[i], &t->requests[i]);
		}
		for (int i = 0; i < TRAFFIC_CONNECTIONS; i++) {
			if (!traffic_receive(t->clients[i], t->kind))
				errx(1, "traffic: the server ended");
		}
	}
}

static inline void traffic_close(struct traffic *t)
{
	for (int i = 0; i < TRAFFIC_CONNECTIONS; i++)
		close(t->clients[i]);
	pthread_join(t->server, NULL);
}

#endif
