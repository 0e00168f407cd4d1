/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connection.h - one connection of talker.c: the request it makes, its bytes through libssl, and
 * the answers taken. What cannot be ends the program.
 */
#ifndef TELLTALE_TESTS_TLS_CONNECTION_H
#define TELLTALE_TESTS_TLS_CONNECTION_H

#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "openssl.h"

struct connection {
	SSL *ssl;
	BIO *network; /* the other end of the pair; NULL: the library has the socket */
	BIO *bio;     /* what is read and written, if that is not the SSL object itself */
	int fd;
	char *request; /* alone on its pages */
	char answer[65536];
	size_t have;
};

/* How connections are talked over; set before the first is opened. */
static struct {
	bool ex;           /* the _ex forms of the calls */
	bool bio;          /* through OpenSSL's BIO interface */
	size_t room;       /* of a pair of memory buffers; 0: the library has the socket */
	size_t write_most; /* bytes a call; 0: no limit */
	size_t read_most;
	unsigned short port;
	SSL_CTX *ctx;
} how;

static char *request; /* what all are made from */
static size_t request_len, request_room;
static size_t condition_at, preimage_at; /* in it */
static unsigned answered, asked;

/* --- bytes -------------------------------------------------------------------------------------
 */

static inline void flush(struct connection *c)
{
	char buf[4096];
	int n;

	while (c->network && BIO_ctrl_pending(c->network) > 0) {
		n = BIO_read(c->network, buf, sizeof(buf));
		if (n <= 0 || write(c->fd, buf, (size_t)n) != n)
			die("cannot send");
	}
}

/* What the last call wanted; false when it wanted nothing that can be had. */
static inline bool oblige(struct connection *c, int result)
{
	int err = SSL_get_error(c->ssl, result);
	char buf[4096];
	size_t room;
	ssize_t n;

	if (!c->network || (err != SSL_ERROR_WANT_READ && err != SSL_ERROR_WANT_WRITE))
		return false;
	flush(c);
	if (err == SSL_ERROR_WANT_WRITE)
		return true;
	room = BIO_ctrl_get_write_guarantee(c->network);
	n = read(c->fd, buf, room < sizeof(buf) ? room : sizeof(buf));
	return n > 0 && BIO_write(c->network, buf, (int)n) == n;
}

static inline long write_once(struct connection *c, const char *buf, size_t len)
{
	size_t done = 0;
	int result;

	if (c->bio)
		result = how.ex ? BIO_write_ex(c->bio, buf, len, &done)
				: BIO_write(c->bio, buf, (int)len);
	else
		result = how.ex ? SSL_write_ex(c->ssl, buf, len, &done)
				: SSL_write(c->ssl, buf, (int)len);

	if (result <= 0)
		return oblige(c, result) ? 0 : -1;
	return how.ex ? (long)done : result;
}

static inline void write_all(struct connection *c, const char *buf, size_t len)
{
	while (len) {
		size_t part = how.write_most && len > how.write_most ? how.write_most : len;
		long n = write_once(c, buf, part);

		if (n < 0)
			die("cannot write");
		buf += n;
		len -= (size_t)n;
		flush(c);
	}
}

static inline int read_once(struct connection *c, char *buf, size_t room, size_t *done)
{
	if (c->bio)
		return how.ex ? BIO_read_ex(c->bio, buf, room, done)
			      : BIO_read(c->bio, buf, (int)room);
	return how.ex ? SSL_read_ex(c->ssl, buf, room, done) : SSL_read(c->ssl, buf, (int)room);
}

static inline void read_some(struct connection *c, bool leaving)
{
	size_t room = sizeof(c->answer) - 1 - c->have, done = 0;
	int result;

	if (leaving && room > 5)
		room = 5;
	if (how.read_most && room > how.read_most)
		room = how.read_most;
	do {
		result = read_once(c, c->answer + c->have, room, &done);
	} while (result <= 0 && oblige(c, result));
	if (result <= 0)
		die("cannot read");
	flush(c);
	c->have += how.ex ? done : (size_t)result;
	c->answer[c->have] = '\0';
}

/* Reads one answer, or, to leave in the midst of it, its first bytes. */
static inline void take_answer(struct connection *c, bool whole)
{
	char *body, *length;
	size_t want;

	while (!(body = strstr(c->answer, "\r\n\r\n"))) {
		read_some(c, !whole);
		if (!whole)
			return;
	}
	body += 4;
	length = strcasestr(c->answer, "content-length:");
	if (strncmp(c->answer, "HTTP/1.1 200", 12) != 0 || !length)
		die("an answer that was not expected: %.40s", c->answer);
	want = (size_t)(body - c->answer) + strtoul(length + 15, NULL, 10);
	while (c->have < want)
		read_some(c, false);
	if (*body == 13)
		__atomic_add_fetch(&answered, 1, __ATOMIC_RELAXED);
	memmove(c->answer, c->answer + want, c->have - want);
	c->have -= want;
	c->answer[c->have] = '\0';
}

/* --- the request -------------------------------------------------------------------------------
 */

/* Where the Prepare has its condition, and in its data what that is the hash of. */
static inline void find_secret(size_t body_at)
{
	unsigned char *r = (unsigned char *)request, hash[32];

	condition_at =
		body_at + 1 + (r[body_at + 1] < 0x80 ? 1 : 1 + (r[body_at + 1] & 0x7f)) + 8 + 17;
	for (preimage_at = condition_at + 32; preimage_at + 32 <= request_len; preimage_at++) {
		SHA256(r + preimage_at, 32, hash);
		if (!memcmp(hash, r + condition_at, 32))
			return;
	}
	die("the Prepare does not carry its own answer");
}

static inline void read_request(const char *path)
{
	static char body[65536];
	FILE *f = fopen(path, "rb");
	size_t n = f ? fread(body, 1, sizeof(body), f) : 0;
	int len;

	if (!n)
		die("cannot read %s", path);
	fclose(f);
	request = malloc(sizeof(body) + 512);
	if (!request)
		die("out of memory");
	len = snprintf(request, 512,
		       "POST / HTTP/1.1\r\nHost: localhost:%u\r\n"
		       "Content-Type: application/octet-stream\r\n"
		       "Authorization: Bearer secret-of-alice\r\nContent-Length: %zu\r\n\r\n",
		       how.port, n);
	memcpy(request + len, body, n);
	request_len = (size_t)len + n;
	request_room = (request_len + 4095) / 4096 * 4096;
	find_secret((size_t)len);
}

/* --- connections -------------------------------------------------------------------------------
 */

static inline int dial(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons(how.port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)))
		die("cannot connect to port %u", how.port);
	return fd;
}

/* SSL: NULL for a new object. */
static inline void open_connection(struct connection *c, SSL *ssl)
{
	BIO *inner = NULL;

	memset(c, 0, sizeof(*c));
	c->request = mmap(NULL, request_room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
	if (c->request == MAP_FAILED)
		die("out of memory");
	memcpy(c->request, request, request_len);
	c->fd = dial();
	c->ssl = ssl ? ssl : SSL_new(how.ctx);
	if (!c->ssl)
		die("no SSL object");
	if (how.room) {
		if (!BIO_new_bio_pair(&inner, how.room, &c->network, how.room))
			die("no buffers");
		SSL_set_bio(c->ssl, inner, inner);
	} else if (!SSL_set_fd(c->ssl, c->fd)) {
		die("no socket for the SSL object");
	}
	SSL_set_connect_state(c->ssl);
	if (how.bio) {
		c->bio = BIO_new(BIO_f_ssl());
		if (!c->bio || BIO_ctrl(c->bio, BIO_C_SET_SSL, 1, c->ssl) != 1)
			die("no BIO");
	}
}

static inline void close_connection(struct connection *c, bool keep)
{
	if (c->bio)
		BIO_free(c->bio); /* and its SSL object */
	else if (!keep)
		SSL_free(c->ssl);
	if (c->network)
		BIO_free(c->network);
	close(c->fd);
	munmap(c->request, request_room);
}

static inline void ask(struct connection *c)
{
	unsigned n = __atomic_add_fetch(&asked, 1, __ATOMIC_RELAXED);
	unsigned char *preimage = (unsigned char *)c->request + preimage_at;
	pid_t self = getpid();

	memcpy(preimage, &n, sizeof(n));
	memcpy(preimage + sizeof(n), &self, sizeof(self));
	SHA256(preimage, 32, (unsigned char *)c->request + condition_at);
	write_all(c, c->request, request_len);
}

static struct connection *new_connections(size_t n)
{
	struct connection *c = calloc(n, sizeof(*c));

	if (!c)
		die("out of memory");
	return c;
}

static inline void exchange(struct connection *c)
{
	ask(c);
	take_answer(c, true);
}

#endif
