/* SPDX-License-Identifier: Apache-2.0 */
/*
 * traffic.h - requests and answers over loopback TCP, as the connections of a connector carry them,
 * between a client and a server thread of this process.
 *
 * ILP: what a Rafiki node and its peer put on the wire: a head of about 280 bytes and a Prepare of
 * 210 in one write, the answer's head and a Fulfill of 71 in another. DATABASE: 100 to 600 random
 * bytes each way, framed by a type byte and a length as PostgreSQL does.
 *
 * A machine's failure ends the program: there is nothing to measure then.
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

#define TRAFFIC_PREPARE   210
#define TRAFFIC_FULFILL   71
#define TRAFFIC_ADDRESS   100
#define TRAFFIC_CONDITION (3 + 8 + 17) /* where it lies in the packet */

enum traffic_kind { TRAFFIC_ILP, TRAFFIC_DATABASE };

struct traffic_message {
	uint8_t bytes[TRAFFIC_MESSAGE_MAX];
	size_t len;
	size_t packet; /* ILP: where it begins */
};

struct traffic {
	enum traffic_kind kind;
	unsigned seed; /* of the client; the server has its own */
	int clients[TRAFFIC_CONNECTIONS], servers[TRAFFIC_CONNECTIONS];
	pthread_t server;
	struct traffic_message request, answer;
};

static inline void traffic_packet(struct traffic_message *m, const char *head,
				  const uint8_t *packet, size_t len)
{
	m->packet = strlen(head);
	memcpy(m->bytes, head, m->packet);
	memcpy(m->bytes + m->packet, packet, len);
	m->len = m->packet + len;
}

static inline void traffic_prepare(struct traffic_message *m)
{
	uint8_t packet[TRAFFIC_PREPARE] = {12, 0x81, TRAFFIC_PREPARE - 3, [9] = 1, [10] = 42};
	uint8_t *p = packet + TRAFFIC_CONDITION;

	memcpy(p - 17, "20991231235959999", 17);
	p += 32;
	*p++ = TRAFFIC_ADDRESS;
	memset(p, 'x', TRAFFIC_ADDRESS);
	memcpy(p, "test.bench.receiver.", 20);
	p += TRAFFIC_ADDRESS;
	*p = (uint8_t)(packet + TRAFFIC_PREPARE - p - 1);
	traffic_packet(m,
		       "POST /f7b9c1d2 HTTP/1.1\r\n"
		       "Accept: application/octet-stream\r\n"
		       "Content-Type: application/octet-stream\r\n"
		       "Authorization: Bearer 7d4e5b0a2f1c43c8\r\n"
		       "User-Agent: axios/1.8.2\r\n"
		       "Content-Length: 210\r\n"
		       "Accept-Encoding: gzip, compress, deflate, br\r\n"
		       "Host: 127.0.0.1:3002\r\n"
		       "Connection: keep-alive\r\n\r\n",
		       packet, sizeof(packet));
}

static inline void traffic_fulfill(struct traffic_message *m)
{
	uint8_t packet[TRAFFIC_FULFILL] = {13, TRAFFIC_FULFILL - 2, [34] = TRAFFIC_FULFILL - 35};

	traffic_packet(m,
		       "HTTP/1.1 200 OK\r\n"
		       "Content-Type: application/octet-stream\r\n"
		       "Content-Length: 71\r\n"
		       "Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n"
		       "Connection: keep-alive\r\n"
		       "Keep-Alive: timeout=5\r\n\r\n",
		       packet, sizeof(packet));
}

static inline void traffic_random(uint8_t *to, size_t len, unsigned *seed)
{
	for (size_t i = 0; i < len; i++)
		to[i] = (uint8_t)rand_r(seed);
}

/* The next message of a database's conversation, or of an ILP one a new condition and address. */
static inline void traffic_renew(enum traffic_kind kind, struct traffic_message *m, unsigned *seed)
{
	static const char types[] = "QBTDC*$+";
	uint32_t len;

	if (kind == TRAFFIC_ILP) {
		if (m->bytes[0] == 'P') {
			traffic_random(m->bytes + m->packet + TRAFFIC_CONDITION, 32, seed);
			m->bytes[m->packet + TRAFFIC_PREPARE - 60] = 'a' + rand_r(seed) % 26;
		}
		return;
	}
	m->len = 100 + (unsigned)rand_r(seed) % 501;
	m->bytes[0] = (uint8_t)types[(unsigned)rand_r(seed) % 8];
	len = htonl((uint32_t)m->len);
	memcpy(m->bytes + 1, &len, sizeof(len));
	traffic_random(m->bytes + 5, 16, seed);
}

static inline void traffic_send(int fd, const struct traffic_message *m)
{
	if (send(fd, m->bytes, m->len, MSG_NOSIGNAL) != (ssize_t)m->len)
		err(1, "traffic: send");
}

/* Receives one message; false at the end of the connection. An ILP one is LEN bytes long. */
static inline bool traffic_receive(int fd, enum traffic_kind kind, size_t len)
{
	uint8_t buf[TRAFFIC_MESSAGE_MAX];
	size_t have = 0;

	do {
		ssize_t n = recv(fd, buf + have, sizeof(buf) - have, 0);
		uint32_t promised;

		if (n < 0)
			err(1, "traffic: recv");
		if (n == 0)
			return false;
		have += (size_t)n;
		if (kind == TRAFFIC_ILP || have < 5)
			continue;
		memcpy(&promised, buf + 1, sizeof(promised));
		len = ntohl(promised);
	} while (have < len || have < 5);
	if (have != len)
		errx(1, "traffic: %zu bytes where %zu were sent", have, len);
	return true;
}

static inline void *traffic_serve(void *context)
{
	struct traffic *t = context;
	struct traffic_message answer = t->answer;
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

			if (traffic_receive(fd, t->kind, t->request.len)) {
				traffic_renew(t->kind, &answer, &seed);
				traffic_send(fd, &answer);
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
static inline void traffic_open(struct traffic *t, enum traffic_kind kind, unsigned seed)
{
	int error;

	memset(t, 0, sizeof(*t));
	t->kind = kind;
	t->seed = seed;
	traffic_random(t->request.bytes, TRAFFIC_MESSAGE_MAX, &seed);
	traffic_random(t->answer.bytes, TRAFFIC_MESSAGE_MAX, &seed);
	if (kind == TRAFFIC_ILP) {
		traffic_prepare(&t->request);
		traffic_fulfill(&t->answer);
	}
	traffic_connect(t);
	error = pthread_create(&t->server, NULL, traffic_serve, t);
	if (error)
		errx(1, "traffic: no thread: %s", strerror(error));
}

/* ROUNDS exchanges on each connection, from the calling thread. */
static inline void traffic_run(struct traffic *t, unsigned rounds)
{
	while (rounds--) {
		for (int i = 0; i < TRAFFIC_CONNECTIONS; i++) {
			traffic_renew(t->kind, &t->request, &t->seed);
			traffic_send(t->clients[i], &t->request);
		}
		for (int i = 0; i < TRAFFIC_CONNECTIONS; i++) {
			if (!traffic_receive(t->clients[i], t->kind, t->answer.len))
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
