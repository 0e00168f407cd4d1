/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * http2_walk.h - what is remembered of a connection that speaks HTTP/2, and what one may begin
 * with. http2_frames.h does the work.
 */
#ifndef TELLTALE_HTTP2_WALK_H
#define TELLTALE_HTTP2_WALK_H

#include "bytes.h"

#define HTTP2_HEAD_LEN    9
#define HTTP2_PREFACE_LEN 24
/* Enough to judge any packet whose lengths are in their widest form. */
#define HTTP2_FRONT 48
/* A Fulfill or Reject that is longer than its frame has contents of at least this many bytes: the
 * lengths in it are then long enough not to agree by chance. */
#define HTTP2_LONG 256

enum http2_type {
	HTTP2_DATA = 0,
	HTTP2_HEADERS = 1,
	HTTP2_RST_STREAM = 3,
	HTTP2_SETTINGS = 4,
	HTTP2_PUSH_PROMISE = 5,
	HTTP2_WINDOW_UPDATE = 8,
	HTTP2_CONTINUATION = 9,
};

enum http2_flag {
	HTTP2_END_STREAM = 0x01,
	HTTP2_END_HEADERS = 0x04,
	HTTP2_PADDED = 0x08,
	HTTP2_PRIORITISED = 0x20,
};

enum http2_phase {
	HTTP2_LOST = 0, /* where frames begin is not known */
	HTTP2_HEAD,     /* the next byte belongs to a frame's head */
	HTTP2_PADDING,  /* the length of the padding comes next */
	HTTP2_BODY,     /* the first bytes of DATA are being gathered */
	HTTP2_SKIP,     /* the rest of a frame, or of the preface */
};

/* A set: what packets the DATA of a direction has begun with. */
enum http2_found { HTTP2_PREPARE = 1, HTTP2_REPLY = 2 };

/* One direction. The loads go to the front of it; verifiers see them reach further than they do. */
struct http2_side {
	__u8 head[32];
	__u8 front[HTTP2_FRONT + 32]; /* of the body in hand */
	__u64 kept[HTTP2_FRONT / 8];  /* the front of another frame's body, to be gone on with */
	/* The piece in hand. */
	__u32 off, end;
	/* The frame in hand. */
	__u32 left;    /* bytes of its payload to come, padding included */
	__u32 padding; /* bytes */
	__u32 data;    /* bytes of its body, without the padding */
	__u32 stream;
	__u8 type, flags;
	__u8 have;         /* bytes of its head */
	__u8 front_len;    /* bytes of the front */
	__u32 kept_stream; /* 0: nothing is kept */
	__u8 kept_len;
	__u8 phase;  /* enum http2_phase */
	__u8 trying; /* it is not certain yet that these are frames */
	__u8 heads;  /* one was seen since the walk began */
	__u8 found;  /* enum http2_found */
	__u8 pad[7];
};

/* One connection. */
struct http2_walk {
	struct http2_side sides[2]; /* by enum flow_direction */
	__u64 carries_ns;           /* since when it is known to carry what it carries */
	__u64 announced_ns;         /* the last time */
	__u8 announced; /* enum record_role it was announced with, and HTTP2_ANNOUNCED */
	__u8 role;      /* enum record_role */
	__u8 spoken;    /* a bit per direction: it is HTTP/2 */
	__u8 carries;   /* enum http2_found, of both directions */
	__u8 timed;     /* what carries_ns is about */
	__u8 prefaced;  /* the preface was seen, and says which role this end has */
	__u8 pad[2];
};

#define HTTP2_ANNOUNCED 0x80

/* --- beginnings ------------------------------------------------------------------------------ */

#define HTTP2_PREFACE BYTES_WORD('P', 'R', 'I', ' ', '*', ' ', 'H', 'T')

/* WORD: the first 8 bytes of a connection, the first of them lowest. */
static __always_inline int http2_is_preface(__u64 word)
{
	return word == HTTP2_PREFACE;
}

/* The same where only LEN bytes are there, fewer than 8. No method of HTTP/1 begins with the first
 * three, so it takes as many. */
static __always_inline int http2_is_short_preface(__u64 word, __u32 len)
{
	return len >= 3 && len < 8 && word == bytes_low(HTTP2_PREFACE, len);
}

/* May a frame begin with WORD, as far as a look at every segment of other protocols may cost? */
static __always_inline int http2_may_begin(__u64 word)
{
	return !(__u8)word && word && (__u8)(word >> 24) <= HTTP2_CONTINUATION &&
	       !(__u8)(word >> 40);
}

/* --- heads ----------------------------------------------------------------------------------- */

/* By type: the flags that are defined; the length, where only one is right; and whether there is a
 * stream (1) or none (2). */
#define HTTP2_FLAGS   BYTES_WORD(0x09, 0x2d, 0, 0, 0x01, 0x0c, 0x01, 0)
#define HTTP2_LENGTHS BYTES_WORD(0xff, 0xff, 5, 4, 0xff, 0xff, 8, 0xff)
#define HTTP2_STREAMS BYTES_WORD(1, 1, 1, 1, 2, 1, 2, 2)

/* The length in a head whose first 8 bytes are WORD. */
static __always_inline __u32 http2_frame_len(__u64 word)
{
	return (__u32)(word & 0xff) << 16 | (__u32)(word >> 8 & 0xff) << 8 |
	       (__u32)(word >> 16 & 0xff);
}

/*
 * Is there such a frame? While the walk is only TRYING, no type is taken that came later than RFC
 * 9113, no flag that has no meaning, and no stream that a server began: few do, and random bytes
 * pass half as often.
 */
bytes_function int http2_is_frame(__u32 type, __u32 has_flags, __u32 len, __u32 stream, int trying)
{
	__u32 shift = (type & 7) * 8;
	__u8 flags = (__u8)(HTTP2_FLAGS >> shift), fixed = (__u8)(HTTP2_LENGTHS >> shift);
	__u8 has = (__u8)(HTTP2_STREAMS >> shift);
	int wrong = stream >> 31;

	if (type > HTTP2_CONTINUATION)
		return !wrong && !trying;
	if (type >= HTTP2_WINDOW_UPDATE) {
		flags = type == HTTP2_CONTINUATION ? 4 : 0;
		fixed = type == HTTP2_CONTINUATION ? 0xff : 4;
		has = type == HTTP2_CONTINUATION;
	}
	wrong |= (has == 1 && !stream) | (has == 2 && stream) | (fixed != 0xff && len != fixed);
	wrong |= type == HTTP2_SETTINGS && len % 6;
	wrong |= type == HTTP2_DATA && has_flags & HTTP2_PADDED && !len;
	if (trying)
		wrong |= (has_flags & ~flags) | (stream && !(stream & 1));
	return !wrong;
}

#endif
