/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * http2_streams.h - the bytes of one direction of an HTTP/2 connection -> its messages, and of
 * those that carry ILP the packet's head (RFC 9113). The counterpart of http1.h.
 *
 * In: bytes in order, in pieces of any size, through source_load; s->cursor says which. Out, after
 * each streams_step: s->message.ready when a message that matters has ended (taken with
 * http1_take), streams_side.reset when a stream with a request that matters was given up,
 * streams_side.gap when one message could not be read. A step is about one frame at most, so it has
 * one of each at most.
 *
 * A request matters when it is a POST announced as ILP, as over HTTP/1.1; where its type stands in
 * a table that is not known, when its body is an ILP packet. Of other streams nothing is
 * remembered. The requests that matter are kept in a table until their answer has ended.
 *
 * The front of a body is gathered in s->http1.window, one frame at a time. Where a frame ends
 * before the packet's head does, the front is kept aside for its stream.
 *
 * The includer provides, besides what hpack.h asks for:
 *   struct http2_stream *streams_find(const struct flow_common *, __u32 id): NULL: none
 *   struct http2_stream *streams_open(const struct flow_common *, __u32 id): a new one, all zero;
 *     NULL: no room
 *   void streams_close(const struct flow_common *, __u32 id)
 *   int streams_keep(const struct flow_common *, struct side *, __u32 id, __u32 len): puts LEN
 * bytes of the window aside; -1: no room int streams_take(const struct flow_common *, struct side
 * *, __u32 id, __u32 len): gets LEN bytes back into the window, and frees the place; -1: they are
 * not there
 */
#ifndef TELLTALE_HTTP2_STREAMS_H
#define TELLTALE_HTTP2_STREAMS_H

#include "flow.h"
#include "hpack.h"
#include "http1.h"
#include "http2_walk.h"

/* --- what is remembered ---------------------------------------------------------------------- */

/* One message of a stream. */
struct streams_message {
	__u64 first_ns; /* when its first byte was seen */
	__u64 body_len; /* bytes so far */
	struct head head;
	struct ilp ilp;
	__u16 kept;   /* bytes of the body's front that are put aside */
	__u8 verdict; /* enum ilp_verdict on the front of the body */
	__u8 begun;   /* its head is complete */
	__u8 ended;   /* the message is complete */
	__u8 muted;   /* it cannot be read, and a gap has said so */
	__u8 untyped; /* its type is not known: it matters if it is ILP */
	__u8 pad;
};

enum streams_part { STREAMS_REQUEST = 0, STREAMS_RESPONSE = 1 };

/* A stream with a request that matters. Each part is written by the runs of its direction alone. */
struct http2_stream {
	struct streams_message parts[2]; /* by enum streams_part */
	__u64 opened_ns;
	__u8 target;
	__u8 pad[7];
};

enum streams_phase {
	STREAMS_LOST = 0, /* where frames begin is not known */
	STREAMS_HEAD,     /* the next byte belongs to a frame's head */
	STREAMS_PADDING,  /* the length of the padding comes next */
	STREAMS_FRONT,    /* inside what stands before a header block: a priority, say */
	STREAMS_BLOCK,    /* inside a header block */
	STREAMS_BODY,     /* inside DATA */
	STREAMS_SKIP,     /* inside the rest of a frame, or the preface */
};

/* One direction. */
struct streams_side {
	struct hpack hpack;
	__u8 head[32];  /* of the frame in hand; verifiers see loads reach further than they do */
	__u64 began_ns; /* when the header block in hand began */
	__u32 left;     /* bytes of its payload to come, padding included */
	__u32 padding;  /* bytes */
	__u32 front;    /* bytes before the header block to come */
	__u32 stream;
	__u32 block_stream; /* whose header block is being read; 0: none */
	__u32 first;        /* the first stream that a request was seen on; 0: none yet */
	__u32 reset;        /* the stream that was given up in this step; 0: none */
	__u16 gathered;     /* bytes of the body in the window */
	__u8 type, flags;   /* of the frame in hand */
	__u8 have;          /* bytes of its head */
	__u8 phase;         /* enum streams_phase */
	__u8 block_type;    /* HEADERS or PUSH_PROMISE */
	__u8 block_ends;    /* END_STREAM stood on it */
	__u8 gap; /* enum record_gap_cause: of the message with s->message.stream; 0: none */
	__u8 pad[7];
};

/* What streams_step returns. */
enum streams_result {
	STREAMS_MORE = 0,
	STREAMS_WRONG,  /* no HTTP/2: the direction is lost */
	STREAMS_UNREAD, /* bytes could not be loaded: the direction is lost */
};
