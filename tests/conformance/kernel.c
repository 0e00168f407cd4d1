/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kernel.c - sends every conversation of the corpus over loopback TCP, so that it passes the
 * programs in the kernel: whole, byte by byte if it is short, and with some cuts. The messages in
 * the ring, of the socket that asks and of the one that answers, must be what the file expects.
 *
 * This process holds both ends. Each piece is sent by itself and read by the other end before the
 * next one is sent, so that segments are cut where the test wants it. By then the programs have
 * seen the piece, so that nothing needs to be waited for.
 *
 * Usage: kernel CGROUP FILE..., as root, CGROUP an empty one that this process may enter; TAP.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "seen.h"
#include "halves/ring.h"
#include "tap/probe_parts.h"

#define CUTS             24 /* of each conversation, spread over it */
#define CUTS_HTTP2       4000
#define BYTE_BY_BYTE_MAX 1200

static struct kase k;
static struct cgroup target;
static struct probe_cgroup *attached;
static struct probe *probe;
static struct ring *ring;
static int listener;

/* One end of a connection, and what was seen of it. */
struct end {
	int fd;
	bool client;
	uint64_t cookie;
	struct seen seen[CASE_EXPECTED_MAX * 2];
	size_t len, closed;
};

static struct end ends[2]; /* by whether it asks */

/* --- the connection -------------------------------------------------------------------------- */

static void take_cookie(struct end *e, int fd, bool client)
{
	socklen_t len = sizeof(e->cookie);
	int one = 1;

	memset(e, 0, sizeof(*e));
	e->fd = fd;
	e->client = client;
	if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) ||
	    getsockopt(fd, SOL_SOCKET, SO_COOKIE, &e->cookie, &len))
		err(2, "a connection over loopback");
}

static void listen_loopback(void)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 || bind(listener, (void *)&any, sizeof(any)) || listen(listener, 4))
		err(2, "cannot listen on loopback");
}

static void open_connection(void)
{
	struct sockaddr_in address;
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || getsockname(listener, (void *)&address, &len) ||
	    connect(fd, (void *)&address, len))
		err(2, "cannot connect over loopback");
	take_cookie(&ends[1], fd, true);
	take_cookie(&ends[0], accept4(listener, NULL, NULL, SOCK_CLOEXEC), false);
}

static void say(bool request, const uint8_t *bytes, size_t len)
{
	static uint8_t sink[CASE_BYTES_MAX];

	if (!len)
		return;
	if (send(ends[request].fd, bytes, len, MSG_NOSIGNAL) != (ssize_t)len ||
	    recv(ends[!request].fd, sink, len, MSG_WAITALL) != (ssize_t)len)
		err(2, "%s: cannot pass %zu bytes over loopback", k.path, len);
}

/* The end that answers closes first, since some answers end with the connection. */
static void close_connection(void)
{
	struct linger hard = {.l_onoff = 1};
	char byte;

	if (k.reset) {
		setsockopt(ends[0].fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
		close(ends[0].fd);
		(void)!recv(ends[1].fd, &byte, 1, 0); /* until it has come */
		close(ends[1].fd);
		return;
	}
	for (int i = 0; i < 2; i++) {
		shutdown(ends[i].fd, SHUT_WR);
		(void)!recv(ends[!i].fd, &byte, 1, 0);
	}
	close(ends[0].fd);
	close(ends[1].fd);
}

/* The attach may come later than the connection's beginning. */
static void attach(void)
{
	char why[512] = "";

	if (!attached && probe_attach_cgroup(probe, 0, &target, &attached, why, sizeof(why)))
		errx(2, "%s", why);
}

static void detach(void)
{
	if (attached)
		probe_detach_cgroup(probe, attached);
	attached = NULL;
}

/* Segment NUMBER is cut at CUT; all are cut at every byte where that is SIZE_MAX. */
static void converse(size_t number, size_t cut)
{
	for (size_t i = 0; i < k.segments_len; i++) {
		const struct case_segment *s = &k.segments[i];
		const uint8_t *bytes = k.bytes + s->from;

		if (i == k.attached)
			attach();
		if (cut == SIZE_MAX && i >= case_met(&k)) {
			say(s->request, bytes, case_cut_from(&k, i));
			for (size_t at = case_cut_from(&k, i); at < s->len; at++)
				say(s->request, bytes + at, 1);
		} else if (i == number && cut != SIZE_MAX) {
			say(s->request, bytes, cut);
			say(s->request, bytes + cut, s->len - cut);
		} else {
			say(s->request, bytes, s->len);
		}
	}
}

/* --- what came out --------------------------------------------------------------------------- */

static struct end *end_of(const struct record_flow *flow)
{
	for (int i = 0; i < 2; i++)
		if (ends[i].cookie == flow->id)
			return &ends[i];
	return NULL;
}

static void add(struct end *e, struct seen s)
{
	if (e->len < sizeof(e->seen) / sizeof(e->seen[0]))
		e->seen[e->len++] = s;
}

static void take_message(const struct record_message *m)
{
	struct end *e = end_of(&m->flow);
	struct seen s = {
		.request = m->flags & RECORD_REQUEST,
		.kind = m->kind,
		.status = m->http_status,
		.flags = m->flags,
		.stream = m->stream,
		.data_len = m->data_len,
		.amount = m->amount,
		.expires_at = m->expires_at,
		.destination = m->destination,
		.endpoint = m->endpoint,
		.token = m->token,
		.request_id = m->request_id,
	};

	memcpy(s.code, m->reject_code, sizeof(m->reject_code));
	if (e)
		add(e, s);
}

static void take_record(void *context, const void *record, size_t size)
{
	const struct record_head *head = record;
	const struct record_gap *gap = record;
	const struct record_opaque *opaque = record;
	const struct record_flow_close *closed = record;
	struct end *e;

	(void)context;
	(void)size;
	if (head->type == RECORD_MESSAGE) {
		take_message(record);
	} else if (head->type == RECORD_GAP) {
		e = end_of(&gap->flow);
		if (e)
			add(e, (struct seen){.what = SEEN_GAP,
					     .request = !gap->ingress == e->client,
					     .why = gap->cause});
	} else if (head->type == RECORD_OPAQUE) {
		e = end_of(&opaque->flow);
		if (e)
			add(e, (struct seen){.what = SEEN_OPAQUE, .why = opaque->reason});
	} else if (head->type == RECORD_FLOW_CLOSE) {
		e = end_of(&closed->flow);
		if (e && closed->stream)
			add(e, (struct seen){.what = SEEN_RESET, .stream = closed->stream});
		else if (e)
			e->closed++;
	}
}

static unsigned rank(const struct seen *s)
{
	return s->what * 2 + (s->what == SEEN_GAP && !s->request);
}

/* In the order of the files: gaps after the messages, those of requests first. */
static void sort(struct end *e)
{
	struct seen sorted[CASE_EXPECTED_MAX * 2];
	size_t n = 0;

	for (unsigned r = 0; r <= SEEN_OPAQUE * 2; r++)
		for (size_t i = 0; i < e->len; i++)
			if (rank(&e->seen[i]) == r)
				sorted[n++] = e->seen[i];
	memcpy(e->seen, sorted, n * sizeof(sorted[0]));
}

static bool replay(const char *how, size_t number, size_t cut)
{
	char where[120];

	if (k.attached)
		detach();
	open_connection();
	converse(number, cut);
	close_connection();
	while (ring_consume(ring, take_record, NULL))
		;
	for (int client = 1; client >= 0; client--) {
		struct end *e = &ends[client];

		snprintf(where, sizeof(where), "%s %zu of segment %zu, at the end that %s", how,
			 cut == SIZE_MAX ? 0 : cut, number + 1, client ? "asks" : "answers");
		sort(e);
		if (!seen_check(&k, e->seen, e->len, where))
			return false;
		if (e->closed != 1) {
			printf("# %s, %s: the connection's end was seen %zu times\n", k.path, where,
			       e->closed);
			return false;
		}
	}
	return true;
}

static bool replay_cuts(void)
{
	size_t met = case_met(&k);

	if (!replay("cut at byte", SIZE_MAX, 0))
		return false;
	if (!k.gaps && k.len < (k.http2 ? CUTS_HTTP2 : BYTE_BY_BYTE_MAX) &&
	    !replay("byte by byte", 0, SIZE_MAX))
		return false;
	for (size_t i = met; i < k.segments_len; i++) {
		const struct case_segment *s = &k.segments[i];
		size_t step = k.len / (k.http2 ? CUTS_HTTP2 : CUTS) + 1;

		for (size_t cut = case_cut_from(&k, i) + (i * 7) % step; cut < s->len; cut += step)
			if (seen_may_cut(&k, i, cut) && !replay("cut at byte", i, cut))
				return false;
	}
	return true;
}

/* --- all of it ------------------------------------------------------------------------------- */

static void enter(const char *cgroup)
{
	char procs[4200], why[512] = "";
	FILE *f;

	snprintf(procs, sizeof(procs), "%s/cgroup.procs", cgroup);
	f = fopen(procs, "we");
	if (!f || fprintf(f, "0\n") < 0 || fclose(f))
		err(2, "cannot enter %s", cgroup);
	if (cgroup_open(cgroup, &target, why, sizeof(why)) ||
	    probe_open(&decode_session_key, &decode_host_key, 1, 64, &probe, why, sizeof(why)))
		errx(2, "%s", why);
	late_end(probe->late); /* the programs that follow HTTP/2 are there */
	probe->late = NULL;
	attach();
	if (ring_open(probe_ring(probe), PROBE_RING_BYTES, &ring))
		errx(2, "cannot map the ring");
}

int main(int argc, char **argv)
{
	int status;

	if (argc < 3)
		errx(2, "usage: %s CGROUP FILE...", argv[0]);
	enter(argv[1]);
	listen_loopback();
	status = seen_run(&k, argv + 2, argc - 2, "in the kernel: ", replay_cuts);
	detach();
	ring_close(ring);
	probe_close(probe);
	cgroup_close(&target);
	close(listener);
	return status;
}
