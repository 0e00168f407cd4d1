/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * http2_state.h - what is remembered of a connection in HTTP/2 that is followed. hpack.h and
 * http2_streams.h do the work.
 */
#ifndef TELLTALE_HTTP2_STATE_H
#define TELLTALE_HTTP2_STATE_H

#include "flow.h"
#include "hpack_huffman.h"

/* --- header fields: hpack.h ------------------------------------------------------------------ */

/* A table of 4,096 bytes, which is what both ends begin with, has room for no more fields. */
#define HPACK_TABLE 128
/* Bytes of a value that are decoded: enough for a token of RECORD_TOKEN_MAX behind "Bearer" and
 * blanks. A power of two. */
#define HPACK_VALUE  512
#define HPACK_WINDOW 64

/* What a field is, and what hpack.values has of it. */
enum hpack_name {
	HPACK_OTHER = 0,
	HPACK_METHOD,     /* 1: POST, else 0 */
	HPACK_AUTHORITY,  /* keyed hash, as that of Host over HTTP/1 */
	HPACK_HOST,       /* likewise */
	HPACK_PATH,       /* keyed hash, of what is before a '?' */
	HPACK_STATUS,     /* the number */
	HPACK_TOKEN,      /* Authorization: under the host key, of what follows "Bearer" */
	HPACK_TYPE,       /* Content-Type: 1: ILP, else 0 */
	HPACK_ENCODING,   /* Content-Encoding: 1: the body is not what it stands for */
	HPACK_REQUEST_ID, /* keyed hash */
	HPACK_NAMES = 16,
};

struct hpack_entry {
	__u64 value;  /* see enum hpack_name; 0: an empty text */
	__u8 name;    /* enum hpack_name */
	__u8 cut;     /* 1: the text was longer than could be hashed whole */
	__u8 len;     /* bytes of the text that were hashed, of a Host or path */
	__u8 unknown; /* 1: its name stood in the table where it is not known any more */
	__u8 pad[5];
};

/* The text of a Host or path; what follows its last byte in the word is zero. */
struct hpack_text {
	__u64 words[RECORD_HOST_MAX / 8 + 1];
	__u32 len; /* bytes */
	__u32 own; /* 1: of what this end asks */
};

enum hpack_phase {
	HPACK_FIELD = 0, /* the next byte begins a field */
	HPACK_INDEX,     /* inside the number that a field begins with */
	HPACK_LENGTH,    /* the next byte begins the length of a text */
	HPACK_LONGER,    /* inside that length */
	HPACK_TEXT,      /* inside a text */
	HPACK_READY,     /* a text is complete */
	HPACK_LOST,      /* no encoder writes this */
};

enum hpack_kind {
	HPACK_INDEXED = 0, /* a field of the table */
	HPACK_INSERT,      /* a field with a text, which enters the table */
	HPACK_PLAIN,       /* a field with a text, which does not, or must never */
	HPACK_RESIZE,      /* no field: the table's size changes */
};

/* What is loaded into comes first: the verifier of Linux 5.10 forgets how long a load from a kept
 * piece may be, and FLOW_WINDOW bytes from there on are still in the struct. */
struct hpack {
	__u8 window[HPACK_WINDOW + 32];
	/* The table. An entry's parts lie apart, as one by itself would be padded to twice its
	 * size; see hpack_facts. */
	__u64 table[HPACK_TABLE];
	__u16 facts[HPACK_TABLE];
	__u64 values[HPACK_NAMES];        /* of the block in hand, by enum hpack_name; 0: none */
	__u64 value[HPACK_VALUE / 8 + 1]; /* the text in hand, decoded */
	struct hpack_text text;           /* of a Host or path */
	__u64 kept[2];            /* hashes of the last ones that were given to hpack_keep */
	__u32 inserted;           /* fields, since the direction is followed */
	__u32 unresolved_total;   /* fields that stood where nothing is known */
	__u32 number;             /* the one in hand */
	__u32 left;               /* bytes of the text in hand to come */
	__u32 pos, filled;        /* of the window: looked at; there */
	__u16 seen;               /* of the block in hand: a bit by enum hpack_name */
	__u16 len;                /* bytes of value */
	__u8 unresolved;          /* the block in hand had such a field */
	__u8 cut;                 /* ... or a text that was longer than could be hashed whole */
	__u8 whole;               /* the direction was followed from its beginning on */
	__u8 phase;               /* enum hpack_phase */
	__u8 kind;                /* enum hpack_kind: of the field in hand */
	__u8 naming;              /* the text in hand is its name */
	__u8 huffman;             /* ... is encoded */
	__u8 state;               /* ... and its last state */
	__u8 ends;                /* ... in which it may end */
	__u8 shift;               /* of the number in hand: bits that are there */
	__u8 fold;                /* or'ed into every byte of a text that is hashed */
	__u8 overlong;            /* the text in hand has more than HPACK_VALUE bytes */
	struct hpack_entry field; /* in hand */
};

/* --- connections and their streams: http2_streams.h ------------------------------------------ */

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
	__u8 untyped; /* its type does not say ILP: it matters if it is */
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
	STREAMS_HEADED,   /* a header block is complete, and to be looked at */
	STREAMS_GATHERED, /* a body, or enough of its front, is there, and to be looked at */
};

#define STREAMS_ALL_UNSEEN 0xffffffffu /* more than any stream's number */

#define STREAMS_AGAIN_MAX 256 /* bytes of a header block that is remembered: http2_again.h */

/* A request that was read in one step. The direction of the requests writes it. */
struct streams_asked {
	__u32 stream; /* 0: none */
	__u32 time;   /* see STREAMS_TIME */
};

#define STREAMS_ASKED 32 /* of a connection; others are in the table of streams. A power of two */

/* One direction. */
struct streams_side {
	__u8 head[32]; /* of the frame in hand; verifiers see loads reach further than they do */
	struct hpack hpack;
	__u64 began_ns; /* when the header block in hand began */
	__u32 left;     /* bytes of its payload to come, padding included */
	__u32 padding;  /* bytes */
	__u32 front;    /* bytes before the header block to come */
	__u32 stream;
	__u32 block_stream; /* whose header block is being read; 0: none */
	__u32 first;        /* the first stream that a request was seen on; 0: none yet;
			     * STREAMS_ALL_UNSEEN: some are not seen since then either */
	__u32 last;         /* the last one that mattered; 0: none yet */
	__u32 reset;        /* the stream that was given up in this step; 0: none */
	__u32 noted_at;     /* hpack.inserted before the last block */
	__u16 noted;        /* bytes of it, where they are noted; else 0: see http2_again.h */
	__u16 again_len;    /* the same, once what it says is known */
	/* Within a step, of what begins so: the stream, and bytes of the body. */
	__u32 again_stream, again_body;
	__u16 gathered;   /* bytes of the body in the window */
	__u8 type, flags; /* of the frame in hand */
	__u8 have;        /* bytes of its head */
	__u8 phase;       /* enum streams_phase */
	__u8 block_type;  /* HEADERS or PUSH_PROMISE */
	__u8 block_ends;  /* END_STREAM stood on it */
	__u8 gap;      /* enum record_gap_cause: of the message with s->message.stream; 0: none */
	__u8 over;     /* the DATA in hand has no more bytes */
	__u8 complete; /* ... nor its body */
	__u8 result;   /* enum streams_result, of this step */
	__u8 unsaid;   /* joined midway: that its first bytes were not read has not been said */
	__u8 opening;  /* the next frame is the first of the direction */
};

struct streams {
	struct streams_side sides[2]; /* by enum flow_direction */
	/* By the stream's number. The answer to a request that is in both has ended; the direction
	 * of the answers writes the second. */
	struct streams_asked asked[STREAMS_ASKED];
	__u32 answered[STREAMS_ASKED];
};

_Static_assert(sizeof(struct streams) <= FLOW_STORAGE_MAX, "newer kernels have no room for it");

#endif
