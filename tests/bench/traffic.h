/* SPDX-License-Identifier: Apache-2.0 */
/*
 * traffic.h - requests and answers over loopback TCP, as the connections of a connector carry them,
 * between a client and a server thread of this process.
 *
 * ILP: what a Rafiki node and its peer send. The request is a head of about 280 bytes and a Prepare
 * of 200 to 219 bytes in one write; the answer is its head and a Fulfill of 71 bytes in one write.
 * A payment has a handful of packets, an address and a size of its own. ILP_NEW: the same, but no
 * head is like the one before it. ILP_RAFIKI: what two Rafiki nodes were seen to send each other
 * for a payment: rate probes of the quote, each with a size of its own and answered by a Reject
 * with a size of its own, then packets that are fulfilled; Date goes on meanwhile. ILP_HTTP2: the
 * same packets in HTTP/2, one write for each message as well, the header blocks as nghttp2 and so
 * Node.js writes them. OTHER: 100 to 600 random bytes each way, framed by a type byte and a length
 * as PostgreSQL does. DATABASE: the same behind the message with which a connection to PostgreSQL
 * begins.
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

#define TRAFFIC_PROBES 8  /* of the quote of a Rafiki's payment */
#define TRAFFIC_RAFIKI 14 /* exchanges of quote and payment */
#define TRAFFIC_SECOND 5  /* exchanges in a second */

enum traffic_kind {
	TRAFFIC_ILP,
	TRAFFIC_ILP_NEW,
	TRAFFIC_ILP_RAFIKI,
	TRAFFIC_ILP_HTTP2,
	TRAFFIC_OTHER,
	TRAFFIC_DATABASE,
};

struct traffic_message {
	uint8_t bytes[TRAFFIC_MESSAGE_MAX];
	size_t len;
	size_t packet; /* ILP: where it begins */
	unsigned count;
	uint32_t stream; /* HTTP/2 */
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

/* --- HTTP/2 ---------------------------------------------------------------------------------- */

#define TRAFFIC_FRAME_HEAD 9
#define TRAFFIC_PREFACE    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

/* The fields of the heads below that HTTP/2 has too. Behind the first of a connection most of them
 * are in the table. */
struct traffic_block {
	const char *first;
	size_t first_len;
	const char *next;
	size_t next_len;
};

#define TRAFFIC_BLOCK(first, next)                                                                 \
	{                                                                                          \
		first, sizeof(first) - 1, next, sizeof(next) - 1                                   \
	}

#define TRAFFIC_OCTETS "\x5f\x90\x1d\x75\xd0\x62\x0d\x26\x3d\x4c\x1c\x89\x2a\x56\x42\x6c\x28\xe9"
#define TRAFFIC_PATH   "\x04\x87\x62\x57\x63\x7c\x81\x90\x5f"
#define TRAFFIC_TOKEN                                                                              \
	"\x1f\x08\x91\xba\x51\xd8\x5b\x14\x76\x46\x8a\xdc\x60\x18\xa5\x09\x1a\x64\x8f\x7f"

static const struct traffic_block traffic_blocks[2] = {
	TRAFFIC_BLOCK("\x88" TRAFFIC_OCTETS
		      "\x61\x96\xdf\x3d\xbf\x4a\x00\x2a\x65\x1d\x4a\x08\x02\x71"
		      "\x40\x02\xe0\x01\x70\x00\x53\x16\x8d\xff",
		      "\x88\xbf\xbe"),
	TRAFFIC_BLOCK("\x83\x41\x8a\x08\x9d\x5c\x0b\x81\x70\xdc\x64\x00\x17\x86" TRAFFIC_PATH
		      "\x53\x90\x1d\x75\xd0\x62\x0d\x26\x3d\x4c\x1c\x89\x2a\x56\x42\x6c\x28"
		      "\xe9" TRAFFIC_OCTETS TRAFFIC_TOKEN
		      "\x7a\x88\x1f\x93\x1d\x0c\x05\x77\x97\x17",
		      "\x83\xc1\x86" TRAFFIC_PATH "\xc0\xbf" TRAFFIC_TOKEN "\xbe"),
};

/* Puts a frame at AT; returns its end. */
static inline uint8_t *traffic_frame(uint8_t *at, uint8_t type, uint8_t flags, uint32_t stream,
				     const void *payload, size_t len)
{
	const uint32_t stream_be = htonl(stream);

	at[0] = 0;
	at[1] = (uint8_t)(len >> 8);
	at[2] = (uint8_t)len;
	at[3] = type;
	at[4] = flags;
	memcpy(at + 5, &stream_be, sizeof(stream_be));
	return (uint8_t *)memcpy(at + TRAFFIC_FRAME_HEAD, payload, len) + len;
}

static inline void traffic_frames(struct traffic_message *m, bool request, const uint8_t *packet,
				  size_t len)
{
	const struct traffic_block *b = &traffic_blocks[request];
	const bool first = m->stream == 1;
	uint8_t *p = m->bytes;

	if (first && request)
		p = (uint8_t *)memcpy(p, TRAFFIC_PREFACE, strlen(TRAFFIC_PREFACE)) +
		    strlen(TRAFFIC_PREFACE);
	if (first)
		p = traffic_frame(p, 4, 0, 0, "", 0);
	p = traffic_frame(p, 1, 4, m->stream, first ? b->first : b->next,
			  first ? b->first_len : b->next_len);
	p = traffic_frame(p, 0, 1, m->stream, packet, len);
	m->len = (size_t)(p - m->bytes);
	m->packet = m->len - len;
}

/* The length of what ends with the next DATA; 0: not yet known. */
static inline size_t traffic_promised_frames(const uint8_t *bytes, size_t have, uint32_t *stream)
{
	size_t at = have && bytes[0] == 'P' ? strlen(TRAFFIC_PREFACE) : 0;

	while (at + TRAFFIC_FRAME_HEAD <= have) {
		size_t end = at + TRAFFIC_FRAME_HEAD +
			     (size_t)(bytes[at] << 16 | bytes[at + 1] << 8 | bytes[at + 2]);

		memcpy(stream, bytes + at + 5, sizeof(*stream));
		*stream = ntohl(*stream);
		if (!bytes[at + 3])
			return end;
		at = end;
	}
	return 0;
}

/* --- messages -------------------------------------------------------------------------------- */

static inline void traffic_random(uint8_t *to, size_t len, unsigned *seed)
{
	for (size_t i = 0; i < len; i++)
		to[i] = (uint8_t)rand_r(seed);
}

/* The head of a request; ENCODINGS: the end of a value that may be new each time. */
#define TRAFFIC_REQUEST(encodings)                                                                 \
	"POST /f7b9c1d2 HTTP/1.1\r\n"                                                              \
	"Accept: application/octet-stream\r\n"                                                     \
	"Content-Type: application/octet-stream\r\n"                                               \
	"Authorization: Bearer 7d4e5b0a2f1c43c8\r\n"                                               \
	"User-Agent: axios/1.8.2\r\n"                                                              \
	"Content-Length: %zu\r\n"                                                                  \
	"Accept-Encoding: gzip, compress, deflate, br" encodings "\r\n"                            \
	"Host: 127.0.0.1:3002\r\n"                                                                 \
	"Connection: keep-alive\r\n\r\n"

static inline void traffic_prepare(enum traffic_kind kind, struct traffic_message *m,
				   unsigned *seed)
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
	if (kind == TRAFFIC_ILP_HTTP2) {
		traffic_frames(m, true, packet, len);
		return;
	}
	traffic_packet(m, packet, len,
		       kind == TRAFFIC_ILP_RAFIKI ? TRAFFIC_REQUEST("")
						  : TRAFFIC_REQUEST(";q=0.%03u"));
}

/* M->count: answers so far, of all connections. */
static inline void traffic_answer_rafiki(struct traffic_message *m, unsigned *seed)
{
	const unsigned exchange = m->count++ / TRAFFIC_CONNECTIONS;
	const bool reject = exchange % TRAFFIC_RAFIKI < TRAFFIC_PROBES;
	const unsigned second = exchange / TRAFFIC_SECOND % 3600;
	const unsigned message = (unsigned)rand_r(seed) % 60;
	uint8_t packet[TRAFFIC_FULFILL + 40] = {13,
						TRAFFIC_FULFILL - 2, [34] = TRAFFIC_FULFILL - 35};
	size_t len = TRAFFIC_FULFILL;

	if (reject) { /* code, who, message, data */
		memcpy(packet, (uint8_t[]){14, (uint8_t)(31 + message), 'F', '0', '8', 0}, 6);
		packet[6] = (uint8_t)message;
		packet[7 + message] = 25;
		len = 33 + message;
	}
	m->packet = (size_t)snprintf((char *)m->bytes, sizeof(m->bytes),
				     "HTTP/1.1 200 OK\r\n"
				     "Content-Type: application/octet-stream\r\n"
				     "Content-Length: %zu\r\n"
				     "Date: Thu, 01 Jan 2026 00:%02u:%02u GMT\r\n"
				     "Connection: keep-alive\r\n"
				     "Keep-Alive: timeout=5\r\n\r\n",
				     len, second / 60, second % 60);
	memcpy(m->bytes + m->packet, packet, len);
	m->len = m->packet + len;
}

static inline void traffic_fulfill(enum traffic_kind kind, struct traffic_message *m)
{
	uint8_t packet[TRAFFIC_FULFILL] = {13, TRAFFIC_FULFILL - 2, [34] = TRAFFIC_FULFILL - 35};

	if (kind == TRAFFIC_ILP_HTTP2) {
		traffic_frames(m, false, packet, sizeof(packet));
		return;
	}
	traffic_packet(m, packet, sizeof(packet),
		       "HTTP/1.1 200 OK\r\n"
		       "Content-Type: application/octet-stream\r\n"
		       "Content-Length: %zu\r\n"
		       "Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n"
		       "Connection: keep-alive\r\n"
		       "Keep-Alive: timeout=5, max=%03u\r\n\r\n");
}

/* The same packet on the next stream. */
static inline void traffic_renew_stream(struct traffic_message *m)
{
	uint8_t packet[TRAFFIC_PREPARE + 20];
	const size_t len = m->len - m->packet;

	memcpy(packet, m->bytes + m->packet, len);
	traffic_frames(m, true, packet, len);
}

static inline void traffic_renew_request(enum traffic_kind kind, struct traffic_message *m,
					 unsigned *seed)
{
	const bool new_head = kind == TRAFFIC_ILP_NEW || kind == TRAFFIC_ILP_RAFIKI;

	if (new_head)
		m->count++;
	m->stream = m->len ? m->stream + 2 : 1;
	if (new_head || !m->len || rand_r(seed) % TRAFFIC_PAYMENT == 0)
		traffic_prepare(kind, m, seed);
	else if (kind == TRAFFIC_ILP_HTTP2)
		traffic_renew_stream(m);
	traffic_random(m->bytes + m->packet + TRAFFIC_CONDITION, 32, seed);
}

static inline void traffic_renew_answer(enum traffic_kind kind, struct traffic_message *m)
{
	const bool new_head = kind == TRAFFIC_ILP_NEW;

	m->count += new_head;
	if (new_head || !m->len || kind == TRAFFIC_ILP_HTTP2)
		traffic_fulfill(kind, m);
}

/* StartupMessage: a length, the version, names and values. */
static inline void traffic_startup(struct traffic_message *m)
{
	static const char names[] = "user\0rafiki\0database\0rafiki\0client_encoding\0UTF8\0";
	uint32_t words[2] = {htonl(8 + sizeof(names)), htonl(3 << 16)};

	memcpy(m->bytes, words, sizeof(words));
	memcpy(m->bytes + sizeof(words), names, sizeof(names));
	m->len = sizeof(words) + sizeof(names);
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

/* Turns the message into the next one of its conversation. An answer in HTTP/2 has its stream. */
static inline void traffic_renew(enum traffic_kind kind, struct traffic_message *m, bool request,
				 unsigned *seed)
{
	if (kind == TRAFFIC_DATABASE && request && !m->len)
		traffic_startup(m);
	else if (kind == TRAFFIC_DATABASE || kind == TRAFFIC_OTHER)
		traffic_renew_any(m, seed);
	else if (request)
		traffic_renew_request(kind, m, seed);
	else if (kind == TRAFFIC_ILP_RAFIKI)
		traffic_answer_rafiki(m, seed);
	else
		traffic_renew_answer(kind, m);
}

/* The length of the message that begins with these bytes; 0: not yet known. *STREAM: in HTTP/2. */
static inline size_t traffic_promised(enum traffic_kind kind, const uint8_t *bytes, size_t have,
				      uint32_t *stream)
{
	const char *end, *length;
	uint32_t promised;

	if (kind == TRAFFIC_DATABASE || kind == TRAFFIC_OTHER) {
		if (have < 5)
			return 0;
		memcpy(&promised, bytes + (bytes[0] ? 1 : 0), sizeof(promised));
		return ntohl(promised);
	}
	if (kind == TRAFFIC_ILP_HTTP2)
		return traffic_promised_frames(bytes, have, stream);
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

/* Receives one message; false at the end of the connection. *STREAM: its, in HTTP/2. */
static inline bool traffic_receive(int fd, enum traffic_kind kind, uint32_t *stream)
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
		len = traffic_promised(kind, buf, have, stream);
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

			if (traffic_receive(fd, t->kind, &answer.stream)) {
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
			uint32_t stream;

			if (!traffic_receive(t->clients[i], t->kind, &stream))
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
