/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_llhttp.c - any bytes as what two ends of a connection send in turn, separated by lines "%%",
 * for our decoder and for llhttp, Node.js' own. When both follow, messages must end at the same
 * byte, with the same status and as much body, and requests must have the same host and path. The
 * first byte is the size of the pieces that ours gets; 0: everything at once.
 *
 * These differences are deliberate. In all of them the two accept different heads; in none do they
 * disagree about the end of a message that both accept:
 *
 * - llhttp refuses, and we follow: lines that end in LF alone, methods it does not know, versions
 *   1.2 to 1.9, characters that no header may have, a folded header that does not matter,
 *   Transfer-Encoding together with Content-Length, blanks after a chunk size, a message after
 *   "Connection: close".
 * - We give up (GAP_HTTP), and llhttp follows: HTTP/0.9 and 2.0, a status below 100, a CR alone
 *   before a message, more than one blank after POST, lengths of more than 18 digits and chunk
 * sizes of more than 15 even if they are zeros, a list of codings with more than one blank before
 *   "chunked", framing headers whose value does not begin within 1,280 bytes or has more than 64
 *   blanks around it.
 * - For us no 1xx has a body (RFC 9110, 15.2); for llhttp only 100, 102 and 103 have none.
 * - A request with the method PRI, of HTTP/1, is for llhttp a preface of HTTP/2 that fails later.
 */
#include "tests/unit/support/decode.h"

#include "build/parts/llhttp/include/llhttp.h"

#define INPUT_MAX    16384
#define MESSAGES_MAX 60 /* a connection tells answers apart up to 64 behind */
#define TEXT_MAX     400

/* One message as one of the two read it. */
struct read_message {
	size_t end; /* where the next one begins */
	uint64_t body_len;
	unsigned status; /* 0: a request */
	bool post, head, connect;
	size_t host_len, target_len;
	char host[TEXT_MAX], target[TEXT_MAX];
};

struct reading {
	struct read_message messages[MESSAGES_MAX + 1];
	size_t len;
	bool gave_up;
	size_t gave_up_at;
	bool left; /* the connection is no HTTP/1 any more, or there are too many messages */
};

struct spoken {
	uint8_t bytes[INPUT_MAX];
	size_t len;
};

static struct spoken said[2]; /* by enum flow_direction: requests go out */
static struct reading ours, theirs, requests;

/* --- ours ------------------------------------------------------------------------------------ */

static void our_message(const struct decode *d, const struct side *s, size_t end)
{
	struct read_message *m = &ours.messages[ours.len];

	(void)d;
	if (ours.len == MESSAGES_MAX) {
		ours.left = true;
		return;
	}
	ours.len++;
	memset(m, 0, sizeof(*m));
	m->end = end;
	m->body_len = s->message.body_len;
	m->status = s->message.head.status;
	m->post = s->message.head.request && s->message.head.path_hash;
	if (!s->message.head.request)
		return;
	m->host_len = s->message.head.host_len;
	memcpy(m->host, s->message.host, m->host_len);
	m->target_len = s->message.head.path_len;
	memcpy(m->target, s->message.path, m->target_len);
}

/* Like decode_feed, but step by step: a step ends one message at most. */
static void our_piece(struct decode *d, enum flow_direction dir, size_t from, size_t len)
{
	struct side *s = &d->flow.sides[dir];
	uint8_t *copy = decode_edge(len);
	struct source src = {.bytes = copy, .len = (__u32)len, .now_ns = 1, .decode = d};
	int more;

	memcpy(copy, said[dir].bytes + from, len);
	decode_current = d;
	s->cursor.off = 0;
	s->cursor.end = (__u32)len;
	do {
		more = follow(&src, &d->flow.common, s, 1);
		if ((s->http1.phase == PHASE_START || s->http1.phase == PHASE_IGNORE) &&
		    s->message.head.request == (dir == FLOW_OUT))
			our_message(d, s, from + s->cursor.off);
		ours.left |= s->http1.phase == PHASE_IGNORE;
		/* Until a side has sent a request with a packet, it is not known which one asks. */
		ours.gave_up |= s->message.head.request != (dir == FLOW_OUT);
		if (s->http1.phase == PHASE_LOST)
			ours.gave_up = true;
	} while (more && !ours.left && !ours.gave_up);
}

static void read_ours(struct decode *d, enum flow_direction dir, size_t piece)
{
	struct side *s = &d->flow.sides[dir];
	size_t len = said[dir].len;

	ours.len = 0;
	ours.left = ours.gave_up = false;
	for (size_t at = 0; at < len && !ours.left && !ours.gave_up; at += piece)
		our_piece(d, dir, at, len - at < piece ? len - at : piece);
	if (s->http1.phase == PHASE_UNTIL_CLOSE && !ours.left && !ours.gave_up)
		our_message(d, s, len);
}

/* --- theirs ---------------------------------------------------------------------------------- */

static struct read_message *their_message(void)
{
	return &theirs.messages[theirs.len];
}

static void their_text(char *text, size_t *have, const char *at, size_t len)
{
	for (size_t i = 0; i < len && *have < TEXT_MAX; i++)
		text[(*have)++] = at[i];
}

static char field[32];
static size_t field_len;
static bool in_host;

static int on_message_begin(llhttp_t *p)
{
	(void)p;
	memset(their_message(), 0, sizeof(struct read_message));
	in_host = false;
	return 0;
}

static int on_url(llhttp_t *p, const char *at, size_t len)
{
	(void)p;
	their_text(their_message()->target, &their_message()->target_len, at, len);
	return 0;
}

static int on_header_field(llhttp_t *p, const char *at, size_t len)
{
	(void)p;
	for (size_t i = 0; i < len; i++)
		if (field_len < sizeof(field))
			field[field_len++] = at[i];
	return 0;
}

static int on_header_value(llhttp_t *p, const char *at, size_t len)
{
	(void)p;
	/* The first Host counts, even if it is empty. */
	if (field_len == 4 && !strncasecmp(field, "host", 4) && !in_host)
		their_text(their_message()->host, &their_message()->host_len, at, len);
	return 0;
}

static int on_header_value_complete(llhttp_t *p)
{
	(void)p;
	in_host |= field_len == 4 && !strncasecmp(field, "host", 4);
	field_len = 0;
	return 0;
}

static unsigned answers; /* final ones so far */

/* Node.js' client tells llhttp the same: the answer to HEAD has no body. */
static int on_headers_complete(llhttp_t *p)
{
	struct read_message *m = their_message();

	if (p->type == HTTP_REQUEST) {
		m->head = p->method == HTTP_HEAD;
		m->post = p->method == HTTP_POST;
		m->connect = p->method == HTTP_CONNECT;
		return 0;
	}
	m->status = p->status_code;
	/* Another interim answer with a body: see above. */
	if (m->status / 100 == 1 && m->status > 103 &&
	    (p->content_length || p->flags & (F_CHUNKED | F_TRANSFER_ENCODING))) {
		theirs.left = true;
		return -1;
	}
	if (p->status_code < 200)
		return 0;
	if (answers++ >= requests.len)
		return 0;
	if (requests.messages[answers - 1].connect && p->status_code < 300)
		return 2;
	return requests.messages[answers - 1].head;
}

static int on_body(llhttp_t *p, const char *at, size_t len)
{
	(void)p;
	(void)at;
	their_message()->body_len += len;
	return 0;
}

static int on_message_complete(llhttp_t *p)
{
	(void)p;
	return HPE_PAUSED; /* so that llhttp says where it is */
}

/* Whether the connection is still HTTP/1 after the message that was just read. */
static bool still_http(const struct read_message *m)
{
	return !m->connect && m->status != 101 && theirs.len < MESSAGES_MAX;
}

static void read_theirs(enum flow_direction dir)
{
	const char *bytes = (const char *)said[dir].bytes, *end = bytes + said[dir].len;
	const char *at = bytes;
	llhttp_settings_t settings;
	llhttp_t p;

	llhttp_settings_init(&settings);
	settings.on_message_begin = on_message_begin;
	settings.on_url = on_url;
	settings.on_header_field = on_header_field;
	settings.on_header_value = on_header_value;
	settings.on_header_value_complete = on_header_value_complete;
	settings.on_headers_complete = on_headers_complete;
	settings.on_body = on_body;
	settings.on_message_complete = on_message_complete;
	llhttp_init(&p, dir == FLOW_OUT ? HTTP_REQUEST : HTTP_RESPONSE, &settings);
	theirs.len = answers = 0;
	field_len = 0;
	theirs.left = theirs.gave_up = false;
	for (;;) {
		llhttp_errno_t err = llhttp_execute(&p, at, (size_t)(end - at));
		bool until_close = false;

		if (err == HPE_OK) {
			until_close = llhttp_finish(&p) == HPE_PAUSED;
			if (!until_close)
				return;
		} else if (err != HPE_PAUSED && err != HPE_PAUSED_UPGRADE) {
			theirs.gave_up = true;
			theirs.gave_up_at = (size_t)(llhttp_get_error_pos(&p) - bytes);
			return;
		}
		if (err == HPE_PAUSED_UPGRADE) { /* Node.js, where nobody waits for upgrades */
			at = llhttp_get_error_pos(&p);
			llhttp_resume_after_upgrade(&p);
			if (theirs.left)
				return;
			continue;
		}
		at = until_close ? end : llhttp_get_error_pos(&p);
		their_message()->end = (size_t)(at - bytes);
		theirs.left = !still_http(their_message());
		theirs.len++;
		if (theirs.left || until_close)
			return;
		llhttp_resume(&p);
	}
}

/* --- both ------------------------------------------------------------------------------------ */

static void print(const char *who, const struct reading *r)
{
	fprintf(stderr, "%s:", who);
	for (size_t i = 0; i < r->len; i++)
		fprintf(stderr, " [%s%u to %zu, body %" PRIu64 ", %.*s %.*s]",
			r->messages[i].post ? "POST " : "", r->messages[i].status,
			r->messages[i].end, r->messages[i].body_len, (int)r->messages[i].host_len,
			r->messages[i].host, (int)r->messages[i].target_len, r->messages[i].target);
	fprintf(stderr, "%s%s\n", r->gave_up ? " gave up" : "", r->left ? " left" : "");
}

static void blanks_off(const char **at, size_t *len)
{
	while (*len && (**at == ' ' || **at == '\t'))
		++*at, --*len;
	while (*len && ((*at)[*len - 1] == ' ' || (*at)[*len - 1] == '\t'))
		--*len;
}

/* Whether host and path are the same, as far as ours keeps them. Another test has proxies'
 * targets. */
static bool same_place(const struct read_message *a, const struct read_message *b)
{
	const char *host = b->host;
	size_t host_len = b->host_len, path_len = 0;

	if (!b->post || b->target[0] != '/')
		return true;
	blanks_off(&host, &host_len);
	/* More blanks than are taken off. */
	if (a->host_len && (a->host[0] == ' ' || a->host[0] == '\t' ||
			    a->host[a->host_len - 1] == ' ' || a->host[a->host_len - 1] == '\t'))
		return true;
	if (host_len > RECORD_HOST_MAX)
		host_len = RECORD_HOST_MAX;
	while (path_len < b->target_len && b->target[path_len] != '?' && path_len < RECORD_PATH_MAX)
		path_len++;
	return a->host_len == host_len && !memcmp(a->host, host, host_len) &&
	       a->target_len == path_len && !memcmp(a->target, b->target, path_len);
}

static bool same_message(const struct read_message *a, const struct read_message *b)
{
	return a->end == b->end && a->status == b->status && a->body_len == b->body_len &&
	       a->post == b->post && same_place(a, b);
}

/* Does a request with the method PRI begin at byte AT of S? */
static bool is_preface(const struct spoken *s, size_t at)
{
	while (at < s->len && (s->bytes[at] == '\r' || s->bytes[at] == '\n'))
		at++;
	return s->len - at >= 4 && !memcmp(s->bytes + at, "PRI ", 4);
}

static bool agree(const struct spoken *s)
{
	size_t both = ours.len < theirs.len ? ours.len : theirs.len;

	for (size_t i = 0; i < both; i++)
		if (!same_message(&ours.messages[i], &theirs.messages[i]))
			return theirs.left && i == theirs.len - 1;
	if (ours.len < theirs.len)
		return ours.gave_up || ours.left;
	/* A message that llhttp refused does not end before the place where it refused it. Behind
	 * the head of a request PRI it refuses what comes, or waits for more. */
	if (ours.len > theirs.len)
		return theirs.left ||
		       (theirs.gave_up && ours.messages[both].end >= theirs.gave_up_at) ||
		       is_preface(s, both ? ours.messages[both - 1].end : 0);
	return true;
}

static void must_agree(enum flow_direction dir)
{
	if (agree(&said[dir]))
		return;
	fprintf(stderr, "%s are read otherwise\n", dir == FLOW_OUT ? "requests" : "answers");
	print("ours", &ours);
	print("llhttp", &theirs);
	abort();
}

static void part(const uint8_t *data, size_t size)
{
	const uint8_t *end = data + size;
	enum flow_direction dir = FLOW_OUT;

	said[FLOW_IN].len = said[FLOW_OUT].len = 0;
	while (data < end) {
		const uint8_t *mark = memmem(data, (size_t)(end - data), "\n%%\n", 4);
		const uint8_t *stop = mark ? mark : end;
		struct spoken *s = &said[dir];

		memcpy(s->bytes + s->len, data, (size_t)(stop - data));
		s->len += (size_t)(stop - data);
		data = mark ? mark + 4 : end;
		dir = !dir;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct decode d;
	size_t piece;

	if (size < 1 || size > INPUT_MAX)
		return 0;
	piece = data[0] ? data[0] : INPUT_MAX;
	part(data + 1, size - 1);
	decode_init(&d, 0xff);
	d.flow.sides[FLOW_IN].http1.phase = d.flow.sides[FLOW_OUT].http1.phase = PHASE_START;
	requests.len = 0;
	read_ours(&d, FLOW_OUT, piece);
	read_theirs(FLOW_OUT);
	must_agree(FLOW_OUT);
	/* Which answers have no body depends on the requests, so both must have read the same
	 * ones. */
	if (ours.len != theirs.len || d.flow.common.requests != ours.len || d.flow.common.tunnel)
		return 0;
	requests = theirs;
	read_ours(&d, FLOW_IN, piece);
	read_theirs(FLOW_IN);
	must_agree(FLOW_IN);
	return 0;
}
