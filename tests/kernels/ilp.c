/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ilp.c - a minimal pair of connectors for kernels under test: a client that knows exactly what it
 * sent, and a server that answers it, over plain sockets or OpenSSL.
 *
 *   ilp serve PORT [CERTIFICATE KEY]    answers until it is killed
 *   ilp pay plain|tls PORT PAYMENTS PREPARES AMOUNT
 *                                       waits for a line on standard input, pays on one connection,
 *                                       prints what telltale's truth file should say, and waits for
 *                                       the next line, until the input ends
 *
 * Each payment has a destination of its own, and every fifth of its Prepares is rejected. From one
 * request to the next, the way it is cut into writes and the OpenSSL function that sends it change.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define TYPE_PREPARE 12
#define TYPE_FULFILL 13
#define TYPE_REJECT  14

#define PACKET_MAX  512
#define MESSAGE_MAX 2048
#define REJECT_EACH 5
#define PREIMAGE    32

__attribute__((noreturn)) static void die(const char *what)
{
	fprintf(stderr, "ilp: %s: %s\n", what, errno ? strerror(errno) : "failed");
	ERR_print_errors_fp(stderr);
	exit(1);
}

/* --- a connection ----------------------------------------------------------------------------- */

struct wire {
	int fd;
	SSL *ssl; /* NULL: plain */
	unsigned calls;
};

static void put(struct wire *w, const void *data, size_t len)
{
	size_t done = 0;
	bool ok;

	if (!len)
		return;
	if (!w->ssl)
		ok = write(w->fd, data, len) == (ssize_t)len;
	else if (w->calls++ % 2)
		ok = SSL_write_ex(w->ssl, data, len, &done) && done == len;
	else
		ok = SSL_write(w->ssl, data, (int)len) == (int)len;
	if (!ok)
		die("write");
}

/* 0 at the end of the connection. */
static size_t get(struct wire *w, void *data, size_t len)
{
	size_t done = 0;
	ssize_t n;

	if (!w->ssl)
		n = read(w->fd, data, len);
	else if (w->calls++ % 2)
		n = SSL_read_ex(w->ssl, data, len, &done) ? (ssize_t)done : 0;
	else
		n = SSL_read(w->ssl, data, (int)len);
	return n > 0 ? (size_t)n : 0;
}

/* Reads one HTTP message with a Content-Length; its body goes to BODY. Returns the body's length,
 * 0 at the end of the connection. */
static size_t receive(struct wire *w, uint8_t *body, size_t body_len)
{
	char text[MESSAGE_MAX + 1], *end = NULL, *length;
	size_t have = 0, want = 0, head = 0;

	while (!end || have < head + want) {
		size_t n = get(w, text + have, MESSAGE_MAX - have);

		if (!n) {
			if (have)
				die("the connection ended inside a message");
			return 0;
		}
		have += n;
		text[have] = '\0';
		if (end)
			continue;
		end = strstr(text, "\r\n\r\n");
		length = end ? strstr(text, "Content-Length: ") : NULL;
		if (end && !length)
			die("a message without Content-Length");
		if (end) {
			head = (size_t)(end - text) + 4;
			want = strtoul(length + strlen("Content-Length: "), NULL, 10);
		}
	}
	if (want > body_len || have != head + want)
		die("a message of another length than it says");
	memcpy(body, text + head, want);
	return want;
}

/* --- packets ---------------------------------------------------------------------------------- */

static uint8_t *put_string(uint8_t *p, const void *data, size_t len)
{
	if (len >= 128) {
		*p++ = 0x81;
	}
	*p++ = (uint8_t)len;
	memcpy(p, data, len);
	return p + len;
}

static size_t packet(uint8_t *out, uint8_t type, const uint8_t *contents, size_t len)
{
	out[0] = type;
	return (size_t)(put_string(out + 1, contents, len) - out);
}

/* The data contain the preimage and whether to reject, so that the server needs no memory. */
static size_t make_prepare(uint8_t *out, uint64_t amount, const char *destination, bool reject)
{
	uint8_t contents[PACKET_MAX], *p = contents;
	uint8_t data[PREIMAGE + 1];
	time_t expiry = time(NULL) + 600;
	struct tm tm;

	if (RAND_bytes(data, PREIMAGE) != 1)
		die("RAND_bytes");
	data[PREIMAGE] = reject;
	for (int i = 0; i < 8; i++)
		*p++ = (uint8_t)(amount >> (56 - 8 * i));
	gmtime_r(&expiry, &tm);
	p += strftime((char *)p, 32, "%Y%m%d%H%M%S000", &tm);
	SHA256(data, PREIMAGE, p);
	p += SHA256_DIGEST_LENGTH;
	p = put_string(p, destination, strlen(destination));
	p = put_string(p, data, sizeof(data));
	return packet(out, TYPE_PREPARE, contents, (size_t)(p - contents));
}

static size_t make_reply(uint8_t *out, const uint8_t *prepare, size_t len)
{
	static const char code[] = "T04", by[] = "test.server", message[] = "as asked";
	uint8_t contents[PACKET_MAX], *p = contents;
	const uint8_t *data = prepare + len - PREIMAGE - 1;

	if (len < PREIMAGE + 1 || prepare[0] != TYPE_PREPARE)
		die("a request that is no Prepare");
	if (!data[PREIMAGE]) {
		memcpy(p, data, PREIMAGE);
		p = put_string(p + PREIMAGE, "", 0);
		return packet(out, TYPE_FULFILL, contents, (size_t)(p - contents));
	}
	memcpy(p, code, 3);
	p = put_string(p + 3, by, strlen(by));
	p = put_string(p, message, strlen(message));
	p = put_string(p, "", 0);
	return packet(out, TYPE_REJECT, contents, (size_t)(p - contents));
}

/* --- client ----------------------------------------------------------------------------------- */

/* CUT: into how many and which pieces the request is cut. */
static void request(struct wire *w, const uint8_t *body, size_t len, unsigned cut)
{
	uint8_t text[MESSAGE_MAX];
	int head = snprintf((char *)text, sizeof(text),
			    "POST /ilp HTTP/1.1\r\nHost: localhost:4000\r\n"
			    "Content-Type: application/octet-stream\r\n"
			    "Authorization: Bearer secret\r\nContent-Length: %zu\r\n\r\n",
			    len);
	size_t at[] = {(size_t)head + len, (size_t)head, (size_t)head + 40, 60};
	size_t first = at[cut % 4];

	memcpy(text + head, body, len);
	put(w, text, first);
	put(w, text + first, (size_t)head + len - first);
}

static int dial(uint16_t port)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons(port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)))
		die("connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

static void pay(SSL_CTX *ctx, uint16_t port, unsigned payments, unsigned prepares, uint64_t amount)
{
	static unsigned rounds;
	unsigned fulfills = 0, rejects = 0;
	struct wire w = {.fd = dial(port)};
	uint8_t body[PACKET_MAX];

	if (ctx) {
		w.ssl = SSL_new(ctx);
		if (!w.ssl || !SSL_set_fd(w.ssl, w.fd) || SSL_connect(w.ssl) != 1)
			die("SSL_connect");
	}
	for (unsigned i = 0; i < payments * prepares; i++) {
		char destination[64];
		unsigned n = i % prepares;

		snprintf(destination, sizeof(destination), "test.server.payment-%d-%u-%u",
			 (int)getpid(), rounds, i / prepares);
		request(&w, body, make_prepare(body, amount, destination, n % REJECT_EACH == 4), i);
		if (!receive(&w, body, sizeof(body)))
			die("no reply");
		fulfills += body[0] == TYPE_FULFILL;
		rejects += body[0] == TYPE_REJECT;
	}
	if (w.ssl) {
		SSL_shutdown(w.ssl);
		SSL_free(w.ssl);
	}
	close(w.fd);
	rounds++;
	printf("{\"transactions\": %u, \"prepares\": %u, \"fulfills\": %u, \"rejects\": %u, "
	       "\"value\": %llu, \"probe_prepares\": 0, \"probe_rejects\": 0}\n",
	       payments, payments * prepares, fulfills, rejects,
	       (unsigned long long)fulfills * amount);
	fflush(stdout);
}

static int client(int argc, char **argv)
{
	SSL_CTX *ctx = NULL;
	char line[64];

	if (argc != 7)
		return 2;
	if (!strcmp(argv[2], "tls")) {
		ctx = SSL_CTX_new(TLS_client_method());
		if (!ctx)
			die("SSL_CTX_new");
	}
	while (fgets(line, sizeof(line), stdin))
		pay(ctx, (uint16_t)strtoul(argv[3], NULL, 10), (unsigned)strtoul(argv[4], NULL, 10),
		    (unsigned)strtoul(argv[5], NULL, 10), strtoull(argv[6], NULL, 10));
	SSL_CTX_free(ctx);
	return 0;
}

/* --- server ----------------------------------------------------------------------------------- */

static void answer(struct wire *w)
{
	uint8_t body[PACKET_MAX], reply[PACKET_MAX], text[MESSAGE_MAX];
	size_t len;

	while ((len = receive(w, body, sizeof(body)))) {
		int head;

		len = make_reply(reply, body, len);
		head = snprintf((char *)text, sizeof(text),
				"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
				"Content-Length: %zu\r\n\r\n",
				len);
		memcpy(text + head, reply, len);
		put(w, text, (size_t)head + len);
	}
}

/* Each connection has its own process, so that a failure ends no other connection. */
static int server(int argc, char **argv)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
	SSL_CTX *ctx = NULL;

	if (argc != 3 && argc != 5)
		return 2;
	if (argc == 5) {
		ctx = SSL_CTX_new(TLS_server_method());
		if (!ctx || SSL_CTX_use_certificate_file(ctx, argv[3], SSL_FILETYPE_PEM) != 1 ||
		    SSL_CTX_use_PrivateKey_file(ctx, argv[4], SSL_FILETYPE_PEM) != 1)
			die(argv[3]);
	}
	at.sin_port = htons((uint16_t)strtoul(argv[2], NULL, 10));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) || listen(fd, 16))
		die("listen");
	signal(SIGCHLD, SIG_IGN);
	puts("listening");
	fflush(stdout);
	for (;;) {
		struct wire w = {.fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC)};

		if (w.fd < 0)
			continue;
		if (fork()) {
			close(w.fd);
			continue;
		}
		setsockopt(w.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		w.ssl = ctx ? SSL_new(ctx) : NULL;
		if (w.ssl && (!SSL_set_fd(w.ssl, w.fd) || SSL_accept(w.ssl) != 1))
			die("SSL_accept");
		answer(&w);
		SSL_free(w.ssl);
		exit(0);
	}
}

int main(int argc, char **argv)
{
	int status = 2;

	signal(SIGPIPE, SIG_IGN);
	if (argc > 1 && !strcmp(argv[1], "serve"))
		status = server(argc, argv);
	else if (argc > 1 && !strcmp(argv[1], "pay"))
		status = client(argc, argv);
	if (status == 2)
		fputs("usage: ilp serve PORT [CERTIFICATE KEY] | "
		      "ilp pay plain|tls PORT PAYMENTS PREPARES AMOUNT\n",
		      stderr);
	return status;
}
