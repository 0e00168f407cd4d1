/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compare.c [FRAMES [SEED]] - holds the decoder of HTTP/2 (bpf/decode/http2_streams.h) against
 * nghttp2: random sessions of nghttp2's (session.h) are read by both, message by message. The
 * reference is nghttp2's own reader of header blocks, frames as RFC 9113 has them, and bodies
 * gathered whole.
 *
 * The decoder gets the bytes in pieces cut anywhere. It has to report the same messages in the
 * same order, with the same hashes, and the same streams given up. Where tables are larger than
 * 4,096 bytes, what it says it does not know is left out. The seed of a session that differs is
 * printed; with FRAMES 1 and that seed it is repeated. Exit status: 0 when none differs.
 */
#include <stddef.h>
#include <strings.h>

#include "tests/http2/session.h"
#include "tests/unit/support/http2_streams.h"

#define TEXT_MAX 1024

/* What the reference knows of one message. */
struct seen {
	bool begun, ended, muted;
	bool post, ilp, encoded;
	uint16_t status;
	char host[TEXT_MAX], path[TEXT_MAX], token[TEXT_MAX], id[TEXT_MAX];
	bool has_authority;
	uint8_t body[SESSION_BODY_MAX + 64];
	size_t len;
};

struct exchange {
	uint32_t id;
	bool open; /* the request matters, and its answer has not ended */
	struct seen request, response;
};

struct reference {
	nghttp2_hd_inflater *inflaters[2];
	struct exchange *streams[SESSION_EXCHANGES_MAX];
	/* By the end that wrote: the bytes of a frame that is not whole yet. */
	uint8_t frame[2][SESSION_QUEUE_MAX / 8];
	size_t len[2];
	bool preface;
	bool read[2]; /* what comes of the frame in hand says nothing more */
	/* A header block in hand. */
	uint8_t block[2][SESSION_QUEUE_MAX / 8];
	size_t block_len[2];
	uint8_t block_type[2], block_flags[2];
	struct decoded messages[DECODE_MESSAGES_MAX];
	size_t messages_len;
	uint32_t resets[DECODE_MESSAGES_MAX];
	size_t resets_len;
	unsigned encoded; /* messages that cannot be read */
};

static struct session session;
static struct reference reference;
static struct streams_bed bed;
static unsigned long compared, unknown, hashes, again;

/* --- header blocks --------------------------------------------------------------------------- */

static uint64_t hash(const struct siphash_key *key, const char *text, size_t max, uint8_t fold)
{
	size_t len = strlen(text);

	return len ? decode_hash(key, text, len < max ? len : max, fold) : 0;
}

static void copy_text(char *to, size_t size, const nghttp2_nv *nv)
{
	size_t len = nv->valuelen < size - 1 ? nv->valuelen : size - 1;

	memcpy(to, nv->value, len);
	to[len] = '\0';
}

static bool is_named(const nghttp2_nv *nv, const char *name)
{
	return nv->namelen == strlen(name) && !memcmp(nv->name, name, nv->namelen);
}

static bool is_ilp(const char *type)
{
	static const char *const types[] = {"application/octet-stream",
					    "application/ilp+octet-stream"};

	for (int i = 0; i < 2; i++) {
		size_t len = strlen(types[i]);

		if (!strncasecmp(type, types[i], len) && (!type[len] || strchr("; \t", type[len])))
			return true;
	}
	return false;
}

static void read_field(struct seen *m, const nghttp2_nv *nv)
{
	char text[TEXT_MAX];

	copy_text(text, sizeof(text), nv);
	if (is_named(nv, ":method")) {
		m->post = !strcmp(text, "POST");
	} else if (is_named(nv, ":status")) {
		m->status = (uint16_t)atoi(text);
	} else if (is_named(nv, ":path")) {
		text[strcspn(text, "?")] = '\0';
		snprintf(m->path, sizeof(m->path), "%s", text);
	} else if (is_named(nv, ":authority") || (is_named(nv, "host") && !m->has_authority)) {
		m->has_authority = nv->name[0] == ':';
		snprintf(m->host, sizeof(m->host), "%s", text);
	} else if (is_named(nv, "content-type")) {
		m->ilp = is_ilp(text);
	} else if (is_named(nv, "content-encoding")) {
		m->encoded = strcasecmp(text, "identity") != 0;
	} else if (is_named(nv, "request-id")) {
		snprintf(m->id, sizeof(m->id), "%s", text);
	} else if (is_named(nv, "authorization")) {
		size_t at = strncasecmp(text, "Bearer ", 7) ? 0 : 7 + strspn(text + 7, " \t");

		snprintf(m->token, sizeof(m->token), "%s", text + at);
	}
}

static void inflate_block(int end, struct seen *m)
{
	const uint8_t *at = reference.block[end];
	size_t left = reference.block_len[end];
	int flags = 0;

	while (!(flags & NGHTTP2_HD_INFLATE_FINAL)) {
		nghttp2_nv nv;
		ssize_t n =
			nghttp2_hd_inflate_hd2(reference.inflaters[end], &nv, &flags, at, left, 1);

		decode_must(n >= 0);
		at += n;
		left -= (size_t)n;
		if (flags & NGHTTP2_HD_INFLATE_EMIT)
			read_field(m, &nv);
	}
	nghttp2_hd_inflate_end_headers(reference.inflaters[end]);
}

/* --- messages -------------------------------------------------------------------------------- */

/* The verdict on the body of M as far as it is there, WHOLE or not: enum ilp_verdict. */
static int read_front(const struct seen *m, bool whole, struct ilp *ilp)
{
	static uint8_t window[ILP_HEAD_MAX + ILP_SLACK];
	size_t len = m->len < ILP_HEAD_MAX ? m->len : ILP_HEAD_MAX;

	memset(window, 0, sizeof(window));
	memcpy(window, m->body, len);
	memset(ilp, 0, sizeof(*ilp));
	return ilp_parse(window, (__u32)len, whole && m->len <= ILP_HEAD_MAX, &decode_session_key,
			 ilp);
}

static void read_packet(const struct seen *m, struct ilp *ilp, int *verdict)
{
	*verdict = read_front(m, true, ilp);
}

static void add_packet(struct decoded *d, const struct ilp *ilp)
{
	d->kind = ilp->kind;
	d->data_len = ilp->data_len;
	if (ilp->kind == RECORD_KIND_PREPARE) {
		d->amount = ilp->amount;
		d->expires_at = ilp->expires_at;
		d->destination = ilp->destination;
		d->condition = ilp->condition;
		d->flags |= ilp->peer ? RECORD_PEER : 0;
	} else if (ilp->kind == RECORD_KIND_FULFILL) {
		memcpy(d->fulfillment, ilp->fulfillment, sizeof(d->fulfillment));
	} else {
		memcpy(d->reject_code, ilp->reject_code, sizeof(d->reject_code));
	}
}

static void name_request(struct decoded *d, const struct seen *m)
{
	d->flags = RECORD_REQUEST;
	if (strlen(m->token) > RECORD_TOKEN_MAX || strlen(m->host) > RECORD_HOST_MAX ||
	    strlen(m->path) >= RECORD_PATH_MAX)
		d->flags |= RECORD_LONG;
	d->host_hash = hash(&decode_session_key, m->host, RECORD_HOST_MAX, 0x20);
	d->path_hash = hash(&decode_session_key, m->path, RECORD_PATH_MAX, 0);
	d->token = hash(&decode_host_key, m->token, RECORD_TOKEN_MAX, 0);
	d->request_id = hash(&decode_session_key, m->id, 40, 0x20);
}

/* Has the message M, which is complete, to be reported? Then it is. */
static void report(const struct exchange *st, const struct seen *m, int end)
{
	struct decoded *d = &reference.messages[reference.messages_len];
	struct ilp ilp;
	int verdict;

	if (m->muted || (end && !st->request.ended))
		return;
	decode_must(reference.messages_len < DECODE_MESSAGES_MAX);
	memset(d, 0, sizeof(*d));
	if (!end)
		name_request(d, m);
	d->stream = st->id;
	d->status = m->status;
	d->body_len = m->len;
	read_packet(m, &ilp, &verdict);
	if (verdict == ILP_DONE && ilp.size <= m->len) {
		add_packet(d, &ilp);
		d->flags |= ilp.size < m->len ? RECORD_TRAILING : 0;
	} else {
		d->kind = !end || (m->status == 200 && m->len) ? RECORD_KIND_BAD : RECORD_KIND_NONE;
	}
	/* What is not announced as ILP for certain need not be reported, nor what is not at all. */
	reference.messages_len +=
		(!session.large && (end || m->ilp)) || d->kind >= RECORD_KIND_PREPARE;
}

static bool holds_packet(const struct seen *m)
{
	struct ilp ilp;
	int verdict;

	read_packet(m, &ilp, &verdict);
	return verdict == ILP_DONE && ilp.size <= m->len;
}

static void end_message(struct exchange *st, int end)
{
	struct seen *m = end ? &st->response : &st->request;
	struct decoded *d = &reference.messages[reference.messages_len];
	bool asked;

	if (!st->open || m->ended || !m->begun)
		return;
	m->ended = true;
	d->kind = RECORD_KIND_NONE;
	report(st, m, end);
	asked = !m->muted && d->kind >= RECORD_KIND_PREPARE;
	/* The request may go on. What is encoded nobody can read. */
	if (end && !st->request.ended) {
		st->open = m->muted || !holds_packet(m);
		return;
	}
	if (!end && st->response.ended && asked)
		reference.resets[reference.resets_len++] = st->id;
	/* A request without a packet has no answer that matters. */
	if (end || st->response.ended || (!m->muted && !asked))
		st->open = false;
}

static struct exchange *stream_of(uint32_t id)
{
	struct exchange **st = &reference.streams[id / 2];

	decode_must(id & 1 && id / 2 < SESSION_EXCHANGES_MAX);
	if (!*st) {
		*st = calloc(1, sizeof(**st));
		decode_must(*st);
		(*st)->id = id;
	}
	return *st;
}

static void end_block(int end, uint32_t id)
{
	bool ends = reference.block_flags[end] & NGHTTP2_FLAG_END_STREAM;
	static struct seen m;
	struct exchange *st;

	memset(&m, 0, offsetof(struct seen, body));
	m.len = 0;
	inflate_block(end, &m);
	if (reference.block_type[end] != NGHTTP2_HEADERS)
		return;
	st = stream_of(id);
	m.begun = true;
	if (!end && !st->request.begun) {
		st->request = m;
		st->open = m.post && (m.ilp || !m.encoded) && !ends;
		st->request.muted = m.encoded;
		reference.encoded += st->open && m.encoded;
	} else if (end && st->open && !st->response.begun && m.status / 100 != 1) {
		st->response = m;
		st->response.muted = m.encoded && m.status < 300 && !ends;
		reference.encoded += st->response.muted;
	}
	if (ends)
		end_message(st, end);
}

/* --- frames ---------------------------------------------------------------------------------- */

static void read_data(int end, uint32_t id, uint8_t flags, const uint8_t *at, size_t len)
{
	struct exchange *st = stream_of(id);
	struct seen *m = end ? &st->response : &st->request;
	size_t pad = flags & NGHTTP2_FLAG_PADDED ? 1 + (size_t)at[0] : 0;
	struct ilp ilp;

	at += pad ? 1 : 0;
	len -= pad;
	if (m->begun && !m->ended) {
		decode_must(len <= sizeof(m->body) - m->len);
		memcpy(m->body + m->len, at, len);
		m->len += len;
	}
	/* A request that is not announced as ILP, and is none, has no answer that matters. */
	if (!end && !m->ilp && read_front(m, false, &ilp) == ILP_BAD)
		st->open = false;
	if (flags & NGHTTP2_FLAG_END_STREAM)
		end_message(st, end);
}

static void read_block(int end, uint8_t type, uint8_t flags, const uint8_t *at, size_t len)
{
	size_t front = type == NGHTTP2_PUSH_PROMISE ? 4 : 0, pad = 0;

	if (type != NGHTTP2_CONTINUATION) {
		reference.block_len[end] = 0;
		reference.block_type[end] = type;
		reference.block_flags[end] = flags;
		if (type == NGHTTP2_HEADERS && flags & NGHTTP2_FLAG_PRIORITY)
			front = 5;
		if (flags & NGHTTP2_FLAG_PADDED) {
			pad = at[0];
			front++;
		}
	}
	len -= front + pad;
	memcpy(reference.block[end] + reference.block_len[end], at + front, len);
	reference.block_len[end] += len;
}

static void read_reset(uint32_t id)
{
	struct exchange *st;

	if (!(id & 1))
		return;
	st = stream_of(id);
	if (st->open && st->request.ended && !st->request.muted)
		reference.resets[reference.resets_len++] = id;
	st->open = false;
}

static void read_frame(int end, const uint8_t *frame, size_t len)
{
	uint8_t type = frame[3], flags = frame[4];
	uint32_t id = (uint32_t)(frame[5] & 0x7f) << 24 | (uint32_t)frame[6] << 16 |
		      (uint32_t)frame[7] << 8 | frame[8];

	if (type == NGHTTP2_DATA)
		read_data(end, id, flags, frame + HTTP2_HEAD_LEN, len - HTTP2_HEAD_LEN);
	if (type == NGHTTP2_RST_STREAM)
		read_reset(id);
	if (type != NGHTTP2_HEADERS && type != NGHTTP2_PUSH_PROMISE && type != NGHTTP2_CONTINUATION)
		return;
	read_block(end, type, flags, frame + HTTP2_HEAD_LEN, len - HTTP2_HEAD_LEN);
	if (flags & NGHTTP2_FLAG_END_HEADERS)
		end_block(end, id);
}

static size_t size_of(const uint8_t *frame)
{
	return HTTP2_HEAD_LEN + ((size_t)frame[0] << 16 | (size_t)frame[1] << 8 | frame[2]);
}

/* How many bytes of a frame, of which LEN are there, say all that it says: its padding may come
 * later. */
static size_t needed(const uint8_t *frame, size_t len)
{
	uint8_t type = frame[3];
	bool padded =
		type == NGHTTP2_DATA || type == NGHTTP2_HEADERS || type == NGHTTP2_PUSH_PROMISE;

	if (type == NGHTTP2_RST_STREAM)
		return HTTP2_HEAD_LEN;
	if (padded && frame[4] & NGHTTP2_FLAG_PADDED && len > HTTP2_HEAD_LEN)
		return size_of(frame) - frame[HTTP2_HEAD_LEN];
	return size_of(frame);
}

/* The next bytes that END wrote. */
static void reference_feed(int end, const uint8_t *bytes, size_t n)
{
	uint8_t *frame = reference.frame[end];
	size_t *len = &reference.len[end], at = 0;

	decode_must(n <= sizeof(reference.frame[end]) - *len);
	memcpy(frame + *len, bytes, n);
	*len += n;
	if (!end && !reference.preface) {
		if (*len < HTTP2_PREFACE_LEN)
			return;
		reference.preface = true;
		at = HTTP2_PREFACE_LEN;
	}
	while (*len - at >= HTTP2_HEAD_LEN) {
		if (!reference.read[end] && *len - at >= needed(frame + at, *len - at)) {
			read_frame(end, frame + at, size_of(frame + at));
			reference.read[end] = true;
		}
		if (size_of(frame + at) > *len - at)
			break;
		at += size_of(frame + at);
		reference.read[end] = false;
	}
	memmove(frame, frame + at, *len - at);
	*len -= at;
}

static void reference_open(void)
{
	memset(&reference, 0, offsetof(struct reference, frame));
	memset(&reference.len, 0, sizeof(reference) - offsetof(struct reference, len));
	for (int end = 0; end < 2; end++) {
		decode_must(!nghttp2_hd_inflate_new(&reference.inflaters[end]));
		nghttp2_hd_inflate_change_table_size(reference.inflaters[end], 1 << 20);
	}
}

static void reference_close(void)
{
	for (int i = 0; i < SESSION_EXCHANGES_MAX; i++)
		free(reference.streams[i]);
	for (int end = 0; end < 2; end++)
		nghttp2_hd_inflate_del(reference.inflaters[end]);
}

/* --- both ------------------------------------------------------------------------------------ */

static int differ(const char *what, uint64_t a, uint64_t b, const struct decoded *m)
{
	if (a == b)
		return 0;
	printf("stream %" PRIu32 ", %s: %s is %" PRIx64 ", the decoder has %" PRIx64 "\n",
	       m->stream, m->flags & RECORD_REQUEST ? "request" : "response", what, a, b);
	return 1;
}

/* Where the decoder says that it does not know a name, it has none. */
static int names_differ(const struct decoded *a, const struct decoded *b)
{
	if (!(a->flags & RECORD_REQUEST))
		return 0;
	if (session.large && b->flags & RECORD_NAMELESS) {
		unknown++;
		return b->host_hash || b->path_hash || b->token ? 1 : 0;
	}
	hashes++;
	return differ("Host", a->host_hash, b->host_hash, a) |
	       differ("path", a->path_hash, b->path_hash, a) |
	       differ("token", a->token, b->token, a) |
	       differ("Request-Id", a->request_id,
		      session.large && !b->request_id ? a->request_id : b->request_id, a);
}

static int messages_differ(const struct decoded *a, const struct decoded *b, bool client)
{
	uint16_t leave = session.large ? RECORD_NAMELESS | RECORD_LONG | RECORD_CUT : 0;
	bool unsaid = session.large && b->flags & RECORD_CUT; /* its status is not known */

	return differ("stream", a->stream, b->stream, a) |
	       differ("kind", a->kind, unsaid ? a->kind : b->kind, a) |
	       differ("flags", a->flags & (uint16_t)~leave, b->flags & (uint16_t)~leave, a) |
	       differ("status", a->status, unsaid ? a->status : b->status, a) |
	       differ("direction", (bool)(a->flags & RECORD_REQUEST) == client, b->out, a) |
	       differ("length", a->body_len, b->body_len, a) |
	       differ("data", a->data_len, b->data_len, a) |
	       differ("amount", a->amount, b->amount, a) |
	       differ("expiry", a->expires_at, b->expires_at, a) |
	       differ("destination", a->destination, b->destination, a) |
	       differ("condition", a->condition, b->condition, a) |
	       differ("fulfillment", 0, (uint64_t)memcmp(a->fulfillment, b->fulfillment, 32), a) |
	       differ("code", 0, (uint64_t)memcmp(a->reject_code, b->reject_code, 3), a) |
	       names_differ(a, b);
}

/* Takes out what the reference leaves out too. */
static void keep_packets(struct decode *d)
{
	size_t len = 0;

	for (size_t i = 0; i < d->len; i++)
		if (d->messages[i].kind >= RECORD_KIND_PREPARE)
			d->messages[len++] = d->messages[i];
	d->len = len;
}

static bool sessions_differ(bool client)
{
	bool wrong = false;

	if (session.large)
		keep_packets(&bed.d);

	for (size_t i = 0; i < reference.messages_len && i < bed.d.len && !wrong; i++)
		wrong = messages_differ(&reference.messages[i], &bed.d.messages[i], client);
	compared += reference.messages_len;
	again += bed.again;
	if (reference.messages_len != bed.d.len) {
		printf("%zu messages, the decoder has %zu\n", reference.messages_len, bed.d.len);
		wrong = true;
	}
	if (reference.resets_len != bed.resets_len ||
	    memcmp(reference.resets, bed.resets, bed.resets_len * sizeof(bed.resets[0]))) {
		printf("%zu streams given up, the decoder has %zu\n", reference.resets_len,
		       bed.resets_len);
		wrong = true;
	}
	if (bed.d.gaps[RECORD_GAP_ENCODED] != reference.encoded || bed.lost) {
		printf("%u encoded, the decoder has %u, and lost its way %u times\n",
		       reference.encoded, bed.d.gaps[RECORD_GAP_ENCODED], bed.lost);
		wrong = true;
	}
	for (int out = 0; out < 2 && !session.large; out++) {
		if (!bed.conn.sides[out].hpack.unresolved_total)
			continue;
		printf("%u fields not known\n", bed.conn.sides[out].hpack.unresolved_total);
		wrong = true;
	}
	return wrong;
}

/* Hands over what END wrote: to the decoder in pieces cut anywhere, to the reference, to the other
 * end. */
static void hand_over(int end, bool client)
{
	struct queue *q = &session.queues[end];
	size_t n = session_once_in(&session, 2) ? q->len
						: session_below(&session, (uint32_t)q->len + 1);
	bool large = session.steady ? !session_once_in(&session, 10) : session_once_in(&session, 3);
	uint32_t most = large ? 3000 : 1 + session_below(&session, 60);

	for (size_t at = 0; at < n;) {
		size_t piece = 1 + session_below(&session, most);

		if (piece > n - at || (large && session.steady))
			piece = n - at;
		streams_bed_feed(&bed, (end == 0) == client ? FLOW_OUT : FLOW_IN, q->at + at,
				 piece);
		at += piece;
	}
	reference_feed(end, q->at, n);
	session_deliver(&session, end, n);
}

/* One session. Returns whether decoder and reference differ. */
static bool compare(uint64_t seed)
{
	bool wrong, client;
	int idle = 0;

	session_open(&session, seed);
	client = session_once_in(&session, 2);
	reference_open();
	streams_bed_init(&bed, client ? RECORD_ROLE_CLIENT : RECORD_ROLE_SERVER,
			 (uint8_t)session_random(&session));
	/* A stream without a window may wait for ever. */
	while (idle < 50) {
		idle = session_go_on(&session) ? 0 : idle + 1;
		hand_over(0, client);
		hand_over(1, client);
	}
	wrong = sessions_differ(client);
	reference_close();
	session_close(&session);
	return wrong;
}

int main(int argc, char **argv)
{
	unsigned long wanted = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000, frames = 0,
		      sessions = 0;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	int wrong = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (; frames < wanted && wrong < 5; seed++, sessions++) {
		if (compare(seed)) {
			printf("session %" PRIu64 "\n", seed);
			wrong++;
		}
		frames += session.frames;
	}
	printf("%lu sessions, %lu frames, %lu messages, %lu of them in one step; names compared of "
	       "%lu requests, not known of %lu\n",
	       sessions, frames, compared, again, hashes, unknown);
	return wrong != 0;
}
