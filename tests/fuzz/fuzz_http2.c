/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_http2.c - any bytes as what one end says in HTTP/2 after its preface. The walk must find the
 * same in one piece, byte by byte and in three pieces, and it is held against a plain reader of the
 * whole: a Prepare that bpf/decode/ilp.h reads in a stream's first DATA frame must be found, and
 * where one is found there must be a frame from which on the stream's bytes begin as one does.
 */
#include "tests/unit/support/http2.h"

#define INPUT_MAX  8192
#define FRAMES_MAX 1024

/* --- the plain reader ------------------------------------------------------------------------ */

struct frame {
	uint32_t stream;
	const uint8_t *body;
	size_t len;       /* of the body, as far as it is there */
	bool whole, last; /* all of it is there; it ends its stream */
};

static struct frame frames[FRAMES_MAX];
static size_t frames_len;

static uint32_t number(const uint8_t *at, int bytes)
{
	uint32_t n = 0;

	for (int i = 0; i < bytes; i++)
		n = n << 8 | at[i];
	return n;
}

/* RFC 9113, section 6: the sizes and streams of its frames. */
static bool is_head(uint8_t type, uint8_t flags, uint32_t stream, uint32_t len)
{
	if (stream >> 31)
		return false;
	switch (type) {
	case 0: return stream && (!(flags & 8) || len);
	case 1:
	case 5:
	case 9: return stream;
	case 2: return stream && len == 5;
	case 3: return stream && len == 4;
	case 4: return !stream && len % 6 == 0;
	case 6: return !stream && len == 8;
	case 7: return !stream;
	case 8: return len == 4;
	default: return true;
	}
}

/* Lists the DATA frames. */
static void read_frames(const uint8_t *data, size_t size)
{
	size_t at = 0;

	frames_len = 0;
	while (size - at >= 9 && frames_len < FRAMES_MAX) {
		uint32_t len = number(data + at, 3), stream = number(data + at + 5, 4);
		uint8_t type = data[at + 3], flags = data[at + 4];
		size_t there, pad = 0;
		struct frame *f;

		if (!is_head(type, flags, stream, len))
			return;
		at += 9;
		there = size - at < len ? size - at : len;
		if (type == 0 && flags & 8) {
			if (!there || data[at] > len - 1)
				return;
			pad = data[at];
			at++;
			there--;
			len--;
		}
		if (type == 0) {
			f = &frames[frames_len++];
			f->stream = stream;
			f->body = data + at;
			f->len = there < len - pad ? there : len - pad;
			f->whole = f->len == len - pad;
			f->last = flags & 1;
		}
		if (there < len)
			return;
		at += len;
	}
}

/* Does a body begin in frame I that a connector takes for a Prepare, as far as this frame says? */
static bool has_prepare(size_t i)
{
	static uint8_t window[ILP_HEAD_MAX + ILP_SLACK];
	const struct frame *f = &frames[i];
	struct ilp ilp;

	for (size_t j = 0; j < i; j++)
		if (frames[j].stream == f->stream && frames[j].len)
			return false;
	memset(window, 0, sizeof(window));
	memcpy(window, f->body, f->len < ILP_HEAD_MAX ? f->len : ILP_HEAD_MAX);
	return f->len && f->body[0] == RECORD_KIND_PREPARE &&
	       ilp_parse(window, (__u32)f->len, 0, &decode_session_key, &ilp) == ILP_DONE;
}

/* Do the bytes of a stream from frame I on have a Prepare's type, and its digits where its length
 * says? */
static bool may_have_prepare(size_t i)
{
	uint8_t front[HTTP2_FRONT];
	uint32_t stream = frames[i].stream;
	size_t len = 0, pos;

	for (; i < frames_len; i++) {
		size_t room = sizeof(front) - len, n = frames[i].len;

		if (frames[i].stream != stream)
			continue;
		memcpy(front + len, frames[i].body, n < room ? n : room);
		len += n < room ? n : room;
		if (!frames[i].whole || frames[i].last)
			break;
	}
	if (len < 2 || front[0] != RECORD_KIND_PREPARE)
		return false;
	pos = 2 + (front[1] & 0x80 ? front[1] & 0x7f : 0);
	if (pos > 8 || pos + 25 > len)
		return false;
	for (size_t d = pos + 8; d < pos + 25; d++)
		if (front[d] < '0' || front[d] > '9')
			return false;
	return true;
}

/* --- the walk -------------------------------------------------------------------------------- */

static int walk(const uint8_t *data, size_t size, size_t piece)
{
	struct http2_walk w = {0};

	http2_feed(&w, FLOW_OUT, (const uint8_t *)"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		   HTTP2_PREFACE_LEN);
	http2_feed_until_lost(&w, FLOW_OUT, data, size, piece);
	return w.sides[FLOW_OUT].found;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool must = false, may = false;
	int found;

	if (!size || size > INPUT_MAX)
		return 0;
	found = walk(data, size, size);
	decode_must(found == walk(data, size, 1));
	decode_must(found == walk(data, size, size / 3 + 1));
	read_frames(data, size);
	for (size_t i = 0; i < frames_len; i++) {
		must |= has_prepare(i);
		may |= may_have_prepare(i);
	}
	decode_must(!must || found & HTTP2_PREPARE);
	decode_must(!(found & HTTP2_PREPARE) || may);
	return 0;
}
