/* SPDX-License-Identifier: Apache-2.0 */
/*
 * talker.c - ILP over HTTPS through a given libssl, called in every way a program may call it.
 *
 *   talker LIBSSL MANNER PORT BODY CONNECTIONS REQUESTS [THREADS]
 *
 * Opens CONNECTIONS one after the other to localhost:PORT, posts the Prepare in the file BODY
 * REQUESTS times on each, every time with another condition, and prints "answered N", N being how
 * many answers began as a Fulfill does. THREADS do that each. Where the environment names files,
 * LIBSSL is not opened before LOAD exists, and nothing is said before GO does. LIBSSL is opened by
 * name, so that one program serves libssl 1.1 and 3 without headers; MANNER has an "-ex" at its end
 * for the _ex forms of the calls:
 *
 *   plain    blocking; one call a request
 *   pair     over a pair of memory buffers, as Node.js does: the request is offered, again and
 *            again, from before the handshake on
 *   pieces   the request seven bytes a call, the answer five
 *   partial  over small buffers, and a call may take part of what it is offered
 *   clear    one SSL object for all connections, with SSL_clear between them; each is left in the
 *            midst of an answer
 *   again    a new object for each, left in the same way, so that its address is used again
 *   resume   each connection resumes the session of the one before
 *   nested   a callback at the end of a handshake writes to the connection opened before
 *   fork     a child goes on with the connection that its parent opened
 *   many     all connections at once
 *   filtered like plain, under a seccomp filter that forbids the calls that kernels make on behalf
 * of breakpoints hidden   what was written cannot be read any more when the call returns
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* From OpenSSL's headers, which need not be there. */
typedef struct ssl SSL;
typedef struct ssl_ctx SSL_CTX;
typedef struct ssl_session SSL_SESSION;
typedef struct bio BIO;

#define SSL_ERROR_WANT_READ    2
#define SSL_ERROR_WANT_WRITE   3
#define SSL_CTRL_MODE          33
#define SSL_MODE_PARTIAL_WRITE 1
#define SSL_MODE_MOVING_BUFFER 2
#define SSL_CB_HANDSHAKE_DONE  0x20
#define SSL3_RT_HEADER         0x100

typedef void at_message_fn(int, int, int, const void *, size_t, SSL *, void *);

#define FUNCTIONS(F)                                                                               \
	F(void *, TLS_client_method, (void))                                                       \
	F(SSL_CTX *, SSL_CTX_new, (const void *))                                                  \
	F(long, SSL_CTX_ctrl, (SSL_CTX *, int, long, void *))                                      \
	F(void, SSL_CTX_set_info_callback, (SSL_CTX *, void (*)(const SSL *, int, int)))           \
	F(void, SSL_CTX_set_msg_callback, (SSL_CTX *, at_message_fn *))                            \
	F(SSL *, SSL_new, (SSL_CTX *))                                                             \
	F(void, SSL_free, (SSL *))                                                                 \
	F(int, SSL_clear, (SSL *))                                                                 \
	F(int, SSL_shutdown, (SSL *))                                                              \
	F(int, SSL_set_fd, (SSL *, int))                                                           \
	F(void, SSL_set_bio, (SSL *, BIO *, BIO *))                                                \
	F(void, SSL_set_connect_state, (SSL *))                                                    \
	F(int, SSL_do_handshake, (SSL *))                                                          \
	F(int, SSL_get_error, (const SSL *, int))                                                  \
	F(int, SSL_write, (SSL *, const void *, int))                                              \
	F(int, SSL_read, (SSL *, void *, int))                                                     \
	F(int, SSL_write_ex, (SSL *, const void *, size_t, size_t *))                              \
	F(int, SSL_read_ex, (SSL *, void *, size_t, size_t *))                                     \
	F(SSL_SESSION *, SSL_get1_session, (SSL *))                                                \
	F(int, SSL_set_session, (SSL *, SSL_SESSION *))                                            \
	F(int, SSL_session_reused, (const SSL *))                                                  \
	F(int, BIO_new_bio_pair, (BIO **, size_t, BIO **, size_t))                                 \
	F(size_t, BIO_ctrl_pending, (BIO *))                                                       \
	F(size_t, BIO_ctrl_get_write_guarantee, (BIO *))                                           \
	F(int, BIO_read, (BIO *, void *, int))                                                     \
	F(int, BIO_write, (BIO *, const void *, int))                                              \
	F(int, BIO_free, (BIO *))                                                                  \
	F(unsigned char *, SHA256, (const unsigned char *, size_t, unsigned char *))

#define DECLARE(type, name, args) static type(*name) args;
FUNCTIONS(DECLARE)

enum manner {
	PLAIN,
	PAIR,
	PIECES,
	PARTIAL,
	CLEAR,
	AGAIN,
	RESUME,
	NESTED,
	FORK,
	MANY,
	FILTERED,
	HIDDEN,
	MANNERS
};

static const char *const manners[MANNERS] = {"plain", "pair",  "pieces",   "partial",
					     "clear", "again", "resume",   "nested",
					     "fork",  "many",  "filtered", "hidden"};

struct connection {
	SSL *ssl;
	BIO *network; /* the other end of the pair; NULL: the library has the socket */
	int fd;
	char *request; /* alone on its pages */
	char answer[65536];
	size_t have;
};

static enum manner manner;
static bool ex;
static unsigned short port;
static unsigned connections, requests;
static SSL_CTX *ctx;
static char *request; /* what all are made from */
static size_t request_len, request_room;
static size_t condition_at, preimage_at; /* in it */
static unsigned answered, resumed, asked;
static struct connection *outer; /* whom the callback writes to */

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "talker: ");
	vfprintf(stderr, format, args);
	fprintf(stderr, "\n");
	va_end(args);
	_exit(1);
}

static void load(const char *path)
{
	void *lib = dlopen(path, RTLD_NOW | RTLD_GLOBAL);

	if (!lib)
		die("%s", dlerror());
#define LOAD(type, name, args)                                                                     \
	name = (type(*) args)dlsym(lib, #name);                                                    \
	if (!name)                                                                                 \
		die("%s", dlerror());
	FUNCTIONS(LOAD)
}

/* --- bytes -------------------------------------------------------------------------------------
 */

static void flush(struct connection *c)
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
static bool oblige(struct connection *c, int result)
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

static long write_once(struct connection *c, const char *buf, size_t len)
{
	size_t done = 0;
	int result = ex ? SSL_write_ex(c->ssl, buf, len, &done) : SSL_write(c->ssl, buf, (int)len);

	if (result <= 0)
		return oblige(c, result) ? 0 : -1;
	return ex ? (long)done : result;
}

static void write_all(struct connection *c, const char *buf, size_t len)
{
	while (len) {
		size_t part = manner == PIECES && len > 7 ? 7 : len;
		long n = write_once(c, buf, part);

		if (n < 0)
			die("cannot write");
		buf += n;
		len -= (size_t)n;
		flush(c);
	}
}

static void read_some(struct connection *c, bool leaving)
{
	size_t room = sizeof(c->answer) - 1 - c->have, done = 0;
	int result;

	if ((manner == PIECES || leaving) && room > 5)
		room = 5;
	do {
		result = ex ? SSL_read_ex(c->ssl, c->answer + c->have, room, &done)
			    : SSL_read(c->ssl, c->answer + c->have, (int)room);
	} while (result <= 0 && oblige(c, result));
	if (result <= 0)
		die("cannot read");
	flush(c);
	c->have += ex ? done : (size_t)result;
	c->answer[c->have] = '\0';
}

/* Reads one answer, or, to leave in the midst of it, its first bytes. */
static void take_answer(struct connection *c, bool whole)
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

/* --- connections -------------------------------------------------------------------------------
 */

static int dial(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons(port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)))
		die("cannot connect to port %u", port);
	return fd;
}

static void open_connection(struct connection *c, SSL *ssl)
{
	BIO *inner = NULL;

	memset(c, 0, sizeof(*c));
	c->request = mmap(NULL, request_room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
	if (c->request == MAP_FAILED)
		die("out of memory");
	memcpy(c->request, request, request_len);
	c->fd = dial();
	c->ssl = ssl ? ssl : SSL_new(ctx);
	if (!c->ssl)
		die("no SSL object");
	if (manner == PAIR || manner == PARTIAL) {
		size_t room = manner == PARTIAL ? 2048 : 65536;

		if (!BIO_new_bio_pair(&inner, room, &c->network, room))
			die("no buffers");
		SSL_set_bio(c->ssl, inner, inner);
	} else if (!SSL_set_fd(c->ssl, c->fd)) {
		die("no socket for the SSL object");
	}
	SSL_set_connect_state(c->ssl);
}

static void close_connection(struct connection *c, bool keep)
{
	if (!keep)
		SSL_free(c->ssl);
	if (c->network)
		BIO_free(c->network);
	close(c->fd);
	munmap(c->request, request_room);
}

static void ask(struct connection *c)
{
	unsigned n = __atomic_add_fetch(&asked, 1, __ATOMIC_RELAXED);
	unsigned char *preimage = (unsigned char *)c->request + preimage_at;
	pid_t self = getpid();

	memcpy(preimage, &n, sizeof(n));
	memcpy(preimage + sizeof(n), &self, sizeof(self));
	SHA256(preimage, 32, (unsigned char *)c->request + condition_at);
	write_all(c, c->request, request_len);
}

static void exchange(struct connection *c)
{
	ask(c);
	take_answer(c, true);
}

static void at_state(const SSL *ssl, int where, int result)
{
	(void)result;
	if (where & SSL_CB_HANDSHAKE_DONE && outer && ssl != outer->ssl)
		ask(outer);
}

/* --- manners -----------------------------------------------------------------------------------
 */

static void one_by_one(void)
{
	struct connection *c = malloc(sizeof(*c));
	SSL_SESSION *session = NULL;

	if (!c)
		die("out of memory");
	for (unsigned i = 0; i < connections; i++) {
		open_connection(c, NULL);
		if (session)
			SSL_set_session(c->ssl, session);
		for (unsigned k = 0; k < requests; k++)
			exchange(c);
		if (manner == RESUME) {
			__atomic_add_fetch(&resumed, (unsigned)SSL_session_reused(c->ssl),
					   __ATOMIC_RELAXED);
			session = SSL_get1_session(c->ssl);
			/* Or the library takes the session for a bad one. */
			SSL_shutdown(c->ssl);
		}
		if (manner == AGAIN) {
			ask(c);
			take_answer(c, false);
		}
		close_connection(c, false);
	}
	free(c);
}

static void one_object(void)
{
	struct connection *c = malloc(sizeof(*c));
	SSL *ssl = NULL;

	if (!c)
		die("out of memory");
	for (unsigned i = 0; i < connections; i++) {
		open_connection(c, ssl);
		for (unsigned k = 0; k < requests; k++)
			exchange(c);
		ask(c);
		take_answer(c, false);
		ssl = c->ssl;
		close_connection(c, true);
		if (!SSL_clear(ssl))
			die("SSL_clear");
	}
	free(c);
}

/* The handshake of each connection runs inside its first write, and writes to the one before. */
static void one_inside_another(void)
{
	struct connection *c = calloc(2, sizeof(*c));

	if (!c)
		die("out of memory");
	open_connection(&c[0], NULL);
	exchange(&c[0]);
	for (unsigned i = 0; i < connections; i++) {
		outer = &c[0];
		open_connection(&c[1], NULL);
		ask(&c[1]);
		outer = NULL;
		take_answer(&c[0], true);
		take_answer(&c[1], true);
		close_connection(&c[1], false);
	}
	close_connection(&c[0], false);
	free(c);
}

static void wait_for(const char *variable)
{
	const char *path = getenv(variable);

	while (path && access(path, F_OK))
		usleep(10000);
}

static void parent_and_child(void)
{
	struct connection *c = malloc(sizeof(*c));
	int status = 1;
	pid_t child;

	if (!c)
		die("out of memory");
	open_connection(c, NULL);
	exchange(c);
	child = fork();
	if (child < 0)
		die("cannot fork");
	if (child == 0) {
		printf("child %d\n", (int)getpid());
		fflush(stdout);
		wait_for("GO_CHILD");
		for (unsigned k = 0; k < requests; k++)
			exchange(c);
		printf("answered %u\n", answered);
		exit(0);
	}
	if (waitpid(child, &status, 0) != child || status)
		die("the child ended with status %d", status);
	exit(0);
}

static void all_at_once(void)
{
	struct connection **all = calloc(connections, sizeof(*all));

	if (!all)
		die("out of memory");
	for (unsigned i = 0; i < connections; i++) {
		all[i] = malloc(sizeof(**all));
		if (!all[i])
			die("out of memory");
		open_connection(all[i], NULL);
		exchange(all[i]);
	}
	for (unsigned i = 0; i < connections && all[i]; i++) {
		close_connection(all[i], false);
		free(all[i]);
	}
	free(all);
}

/* As a container's default filter did before it knew them: uretprobe and uprobe, on x86-64. */
static void filter(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 335, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 336, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0))
		die("no filter");
}

static struct connection *hiding;

/* A record is ready to be sent. Whoever looks at the request after the call finds no memory. */
static void at_message(int out, int version, int type, const void *buf, size_t len, SSL *ssl,
		       void *arg)
{
	(void)version;
	(void)buf;
	(void)len;
	(void)ssl;
	(void)arg;
	if (hiding && out && type == SSL3_RT_HEADER)
		mprotect(hiding->request, request_room, PROT_NONE);
}

static void write_and_hide(void)
{
	struct connection *c = malloc(sizeof(*c));

	if (!c)
		die("out of memory");
	for (unsigned i = 0; i < connections; i++) {
		open_connection(c, NULL);
		if (SSL_do_handshake(c->ssl) != 1)
			die("no handshake");
		hiding = c;
		ask(c);
		hiding = NULL;
		mprotect(c->request, request_room, PROT_READ | PROT_WRITE);
		take_answer(c, true);
		close_connection(c, false);
	}
	free(c);
}

static void *talk(void *unused)
{
	switch (manner) {
	case CLEAR: one_object(); break;
	case NESTED: one_inside_another(); break;
	case FORK: parent_and_child(); break;
	case MANY: all_at_once(); break;
	case HIDDEN: write_and_hide(); break;
	default: one_by_one(); break;
	}
	return unused;
}

/* --- start -------------------------------------------------------------------------------------
 */

/* Where the Prepare has its condition, and in its data what that is the hash of. */
static void find_secret(size_t body_at)
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

static void read_request(const char *path)
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
		       port, n);
	memcpy(request + len, body, n);
	request_len = (size_t)len + n;
	request_room = (request_len + 4095) / 4096 * 4096;
	find_secret((size_t)len);
}

static enum manner manner_of(const char *word)
{
	size_t len = strcspn(word, "-");

	ex = !strcmp(word + len, "-ex");
	for (unsigned i = 0; i < MANNERS; i++) {
		if (strlen(manners[i]) == len && !strncmp(manners[i], word, len))
			return (enum manner)i;
	}
	die("no such manner: %s", word);
}

int main(int argc, char **argv)
{
	pthread_t threads[64];
	unsigned n = argc > 7 ? (unsigned)atoi(argv[7]) : 0;

	if (argc < 7 || n > 64)
		die("usage: talker LIBSSL MANNER PORT BODY CONNECTIONS REQUESTS [THREADS]");
	manner = manner_of(argv[2]);
	if (manner == FILTERED)
		filter();
	wait_for("LOAD");
	load(argv[1]);
	port = (unsigned short)atoi(argv[3]);
	read_request(argv[4]);
	connections = (unsigned)atoi(argv[5]);
	requests = (unsigned)atoi(argv[6]);
	ctx = SSL_CTX_new(TLS_client_method());
	if (!ctx)
		die("no context");
	if (manner == PARTIAL)
		SSL_CTX_ctrl(ctx, SSL_CTRL_MODE, SSL_MODE_PARTIAL_WRITE | SSL_MODE_MOVING_BUFFER,
			     NULL);
	if (manner == NESTED)
		SSL_CTX_set_info_callback(ctx, at_state);
	if (manner == HIDDEN)
		SSL_CTX_set_msg_callback(ctx, at_message);
	wait_for("GO");
	if (!n)
		talk(NULL);
	for (unsigned i = 0; i < n; i++) {
		if (pthread_create(&threads[i], NULL, talk, NULL))
			die("no thread");
	}
	for (unsigned i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	printf("answered %u\n", answered);
	if (manner == RESUME)
		printf("resumed %u\n", resumed);
	return 0;
}
