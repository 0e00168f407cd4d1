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
 *            of breakpoints
 *   bio      through OpenSSL's BIO interface
 *   hidden   what was written cannot be read any more when the call returns
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "connection.h"

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
	BIO_INTERFACE,
	HIDDEN,
	MANNERS
};

static const char *const manners[MANNERS] = {"plain",    "pair",   "pieces", "partial", "clear",
					     "again",    "resume", "nested", "fork",    "many",
					     "filtered", "bio",    "hidden"};

static enum manner manner;
static unsigned connections, requests;
static unsigned resumed;
static struct connection *outer; /* whom the callback writes to */

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
	struct connection *c = new_connections(1);
	SSL_SESSION *session = NULL;

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
	struct connection *c = new_connections(1);
	SSL *ssl = NULL;

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
	struct connection *c = new_connections(2);

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
	struct connection *c = new_connections(1);
	int status = 1;
	pid_t child;

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
	struct connection *all = new_connections(connections);

	for (unsigned i = 0; i < connections; i++) {
		open_connection(&all[i], NULL);
		exchange(&all[i]);
	}
	for (unsigned i = 0; i < connections; i++)
		close_connection(&all[i], false);
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
	struct connection *c = new_connections(1);

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

static enum manner manner_of(const char *word)
{
	size_t len = strcspn(word, "-");

	how.ex = !strcmp(word + len, "-ex");
	for (unsigned i = 0; i < MANNERS; i++) {
		if (strlen(manners[i]) == len && !strncmp(manners[i], word, len))
			return (enum manner)i;
	}
	die("no such manner: %s", word);
}

/* What of a manner is the same for each connection. */
static void set_how(void)
{
	how.ctx = SSL_CTX_new(TLS_client_method());
	if (!how.ctx)
		die("no context");
	how.bio = manner == BIO_INTERFACE;
	if (manner == PAIR)
		how.room = 65536;
	if (manner == PIECES) {
		how.write_most = 7;
		how.read_most = 5;
	}
	if (manner == PARTIAL) {
		how.room = 2048;
		SSL_CTX_ctrl(how.ctx, SSL_CTRL_MODE,
			     SSL_MODE_PARTIAL_WRITE | SSL_MODE_MOVING_BUFFER, NULL);
	}
	if (manner == NESTED)
		SSL_CTX_set_info_callback(how.ctx, at_state);
	if (manner == HIDDEN)
		SSL_CTX_set_msg_callback(how.ctx, at_message);
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
	openssl_load(argv[1]);
	how.port = (unsigned short)atoi(argv[3]);
	read_request(argv[4]);
	connections = (unsigned)atoi(argv[5]);
	requests = (unsigned)atoi(argv[6]);
	set_how();
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
