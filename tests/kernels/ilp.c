/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ilp.c - a minimal pair of connectors for kernels under test: a client that knows exactly what it
 * sent, and a server that answers it, in HTTP/1.1 or HTTP/2, over plain sockets or OpenSSL.
 *
 *   ilp serve PORT [CERTIFICATE KEY]    answers until it is killed
 *   ilp pay plain|tls|http2|http2-tls PORT PAYMENTS PREPARES AMOUNT
 *                                       waits for a line on standard input, pays on one connection,
 *                                       prints what telltale's truth file should say, and waits for
 *                                       the next line, until the input ends
 *
 * Each payment has a destination of its own, and every fifth of its Prepares is rejected. From one
 * request to the next, the way it is cut into writes and the OpenSSL function that sends it change.
 * Behind the first request on a connection in HTTP/2, header fields are named by their index.
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

#define PREFACE        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define FRAME_HEAD     9
#define FRAME_DATA     0
#define FRAME_HEADERS  1
#define FRAME_SETTINGS 4
#define END_STREAM     1
#define END_HEADERS    4

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
	bool http2;
	uint32_t stream; /* HTTP/2: of the request in hand; 0: none yet */
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

/* Where the body of the message in TEXT begins, which has a Content-Length, and its length in *LEN;
 * 0: not yet known. */
static size_t find_body(const char *text, size_t *len)
{
	const char *end = strstr(text, "\r\n\r\n");
	const char *length = end ? strstr(text, "Content-Length: ") : NULL;

	if (!end)
		return 0;
	if (!length)
		die("a message without Content-Length");
	*len = strtoul(length + strlen("Content-Length: "), NULL, 10);
	return (size_t)(end - text) + 4;
}

/* The same in HTTP/2: a body is one frame. */
static size_t find_data(struct wire *w, const uint8_t *text, size_t have, size_t *len)
{
	size_t at = text[0] == 'P' ? strlen(PREFACE) : 0;

	while (at + FRAME_HEAD <= have) {
		const uint8_t *head = text + at;

		*len = (size_t)(head[0] << 16 | head[1] << 8 | head[2]);
		if (head[3] == FRAME_DATA) {
			w->stream = (uint32_t)(head[7] << 8 | head[8]);
			return at + FRAME_HEAD;
		}
		at += FRAME_HEAD + *len;
	}
	return 0;
}

/* Reads one HTTP message; its body goes to BODY. Returns the body's length, 0 at the end of the
 * connection. */
static size_t receive(struct wire *w, uint8_t *body, size_t body_len)
{
	char text[MESSAGE_MAX + 1];
	size_t have = 0, want = 0, head = 0;

	while (!head || have < head + want) {
		size_t n = get(w, text + have, MESSAGE_MAX - have);

		if (!n) {
			if (have)
				die("the connection ended inside a message");
			return 0;
		}
		have += n;
		text[have] = '\0';
		w->http2 |= text[0] == 'P' && have > 1 && text[1] == 'R';
		if (!head && w->http2)
			head = find_data(w, (const uint8_t *)text, have, &want);
		else if (!head)
			head = find_body(text, &want);
	}
	if (want > body_len || have != head + want)
		die("a message of another length than it says");
	memcpy(body, text + head, want);
	return want;
}

/* --- frames ----------------------------------------------------------------------------------- */

static uint8_t *put_frame(uint8_t *p, uint8_t type, uint8_t flags, uint32_t stream,
			  const void *payload, size_t len)
{
	const uint8_t head[FRAME_HEAD] = {0, (uint8_t)(len >> 8),    (uint8_t)len,   type, flags, 0,
					  0, (uint8_t)(stream >> 8), (uint8_t)stream};

	memcpy(p, head, sizeof(head));
	memcpy(p + sizeof(head), payload, len);
	return p + sizeof(head) + len;
}

/* POST /ilp, to localhost:4000, with a token, announced as ILP; and again. */
static const char first_fields[] = "\x83\x86\x44\x04/ilp\x41\x0elocalhost:4000\x57\x0d"
				   "Bearer secret\x5f\x18"
				   "application/octet-stream";
static const char next_fields[] = "\x83\x86\xc1\xc0\xbf\xbe";

/* What stands before the body of the next request, or of the answer to the one in hand. Returns its
 * length. */
static size_t put_heads(uint8_t *text, const struct wire *w, bool request, size_t len)
{
	const char *fields = request ? w->stream == 1 ? first_fields : next_fields : "\x88";
	uint8_t *p = text;

	if (w->stream == 1 && request) {
		memcpy(p, PREFACE, strlen(PREFACE));
		p += strlen(PREFACE);
	}
	if (w->stream == 1)
		p = put_frame(p, FRAME_SETTINGS, 0, 0, "", 0);
	p = put_frame(p, FRAME_HEADERS, END_HEADERS, w->stream, fields, strlen(fields));
	p = put_frame(p, FRAME_DATA, END_STREAM, w->stream, "", 0);
	/* The body comes behind it. */
	p[-8] = (uint8_t)(len >> 8);
	p[-7] = (uint8_t)len;
	return (size_t)(p - text);
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
	size_t head, first;

	if (w->http2) {
		w->stream += w->stream ? 2 : 1;
		head = put_heads(text, w, true, len);
	} else {
		head = (size_t)snprintf(
			(char *)text, sizeof(text),
			"POST /ilp HTTP/1.1\r\nHost: localhost:4000\r\n"
			"Content-Type: application/octet-stream\r\n"
			"Authorization: Bearer secret\r\nContent-Length: %zu\r\n\r\n",
			len);
	}
	first = (size_t[]){head + len, head, head + 40, 60}[cut % 4];
	memcpy(text + head, body, len);
	put(w, text, first);
	put(w, text + first, head + len - first);
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

static void pay(SSL_CTX *ctx, bool http2, uint16_t port, unsigned payments, unsigned prepares,
		uint64_t amount)
{
	static unsigned rounds;
	unsigned fulfills = 0, rejects = 0;
	struct wire w = {.fd = dial(port), .http2 = http2};
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
	if (strstr(argv[2], "tls")) {
		ctx = SSL_CTX_new(TLS_client_method());
		if (!ctx)
			die("SSL_CTX_new");
	}
	while (fgets(line, sizeof(line), stdin))
		pay(ctx, strstr(argv[2], "http2"), (uint16_t)strtoul(argv[3], NULL, 10),
		    (unsigned)strtoul(argv[4], NULL, 10), (unsigned)strtoul(argv[5], NULL, 10),
		    strtoull(argv[6], NULL, 10));
	SSL_CTX_free(ctx);
	return 0;
}

/* --- server ----------------------------------------------------------------------------------- */

static void answer(struct wire *w)
{
	uint8_t body[PACKET_MAX], reply[PACKET_MAX], text[MESSAGE_MAX];
	size_t len;

	while ((len = receive(w, body, sizeof(body)))) {
		size_t head;

		len = make_reply(reply, body, len);
		if (w->http2)
			head = put_heads(text, w, false, len);
		else
			head = (size_t)snprintf((char *)text, sizeof(text),
						"HTTP/1.1 200 OK\r\n"
						"Content-Type: application/octet-stream\r\n"
						"Content-Length: %zu\r\n\r\n",
						len);
		memcpy(text + head, reply, len);
		put(w, text, head + len);
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
		      "ilp pay plain|tls|http2|http2-tls PORT PAYMENTS PREPARES AMOUNT\n",
		      stderr);
	return status;
}
