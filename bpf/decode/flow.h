/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * flow.h - what is remembered of one connection: a struct side for each direction, and what both
 * share. A side is a cursor (which bytes are in hand), a message (what is known of it) and the
 * state of the parser that reads it.
 */
#ifndef TELLTALE_FLOW_H
#define TELLTALE_FLOW_H

#include "ilp.h"
#include "bpf/record.h"

enum flow_direction { FLOW_IN = 0, FLOW_OUT = 1 };

/* --- where a run stands ---------------------------------------------------------------------- */

/* The piece in hand: source[off, end) is still to be looked at. It is kept here, and not in a run's
 * own variables, because a run may go on in another program. */
struct cursor {
	__u32 off, end;
	__u64 now_ns; /* when the piece was seen, CLOCK_MONOTONIC */
};

/* --- what is known of a message -------------------------------------------------------------- */

/* What the head of a message says, whatever its protocol. */
struct head {
	__u64 token, request_id, host_hash, path_hash; /* keyed hashes; 0: none */
	__u16 status;                                  /* of a response */
	__u16 flags;                                   /* enum record_flag of the message */
	__u8 request; /* the message is a request, else a response */
	__u8 wanted;  /* the body is or may be ILP */
	__u8 host_len, path_len;
};

/* The message being read, or the one to be reported. A parser fills it, emit.h reports it. */
struct message {
	__u64 first_ns; /* when its first byte was seen */
	__u64 body_len; /* bytes of the body so far */
	__u32 stream;   /* which exchange of the connection it belongs to, from 1; 0: none known */
	__u8 kind;      /* enum record_kind, once ready */
	__u8 ready;     /* there is a message to report */
	__u8 verdict;   /* enum ilp_verdict on the front of the body */
	__u8 encoded;   /* to be reported: its body may be ILP, and is encoded */
	struct head head;
	struct ilp ilp;
	__u64 host[RECORD_HOST_MAX / 8 + 1];
	__u64 path[RECORD_PATH_MAX / 8 + 1];
};

/* --- how far HTTP/1 has read ----------------------------------------------------------------- */

/* The first load of a message takes so many bytes: cheap, and nearly always enough. */
#define FLOW_HEAD_WINDOW  512
#define FLOW_CHUNK_WINDOW 128
/* The window: header lines while a head is read, and with the last of them as much of the body as
 * there is; else the body's head, and above it the chunk-size lines between its fragments. */
#define FLOW_WINDOW (ILP_HEAD_MAX + FLOW_CHUNK_WINDOW)
#define FLOW_SLACK  32   /* bytes that may be read past it */
#define FLOW_MASK   2047 /* an offset in the window, for verifiers: see bytes_mask */

/* The most bytes that are kept with a socket in one piece. Linux 6.18 gives it more; Linux 7.2
 * refuses 9,952 and gives 7,808, and says so no sooner than a connection asks. Its limit is taken
 * to be 8 KiB, some 130 bytes of its own included. */
#define FLOW_STORAGE_MAX 8000

/* Header values found in the window and not yet read: where each lies. */
enum flow_span {
	SPAN_START, /* the start line */
	SPAN_HOST,
	SPAN_TOKEN,   /* Authorization */
	SPAN_ID,      /* Request-Id */
	SPAN_LENGTH,  /* Content-Length */
	SPAN_CODING,  /* Transfer-Encoding, the last of them */
	SPAN_TYPE,    /* Content-Type */
	SPAN_ENCODED, /* Content-Encoding */
	SPANS,
};

struct flow_slice {
	__u16 at;
	__u16 len; /* 0: none */
};

/* What an HTTP/1 head says of where its message ends, and what casts doubt on that. */
struct framing {
	__u64 length; /* Content-Length */
	__u8 typed;   /* Content-Type says ILP */
	__u8 encoded; /* the body is compressed, or otherwise not what it stands for */
	__u8 chunked;
	__u8 sized;    /* Content-Length seen */
	__u8 bodiless; /* the answer has no body: HEAD, or the status forbids one */
	__u8 connect;  /* CONNECT */
	__u8 seen;     /* a bit for each enum flow_span: the header is in this head */
	__u8 doubt;    /* the header came twice, or implementations read it differently */
	__u8 line;     /* the bit of the last line read; 0: a line that does not matter here */
	__u8 unclear;  /* whether "chunked" ends the last list of codings */
	__u16 blanks;  /* taken off values: see http1_strip */
};

/* Lines of a head whose values may be others in the next one: the first so many. */
#define FLOW_WILD_LINES 16

/* The last head and its text. Most messages of a connection begin as the one before did, and
 * comparing bytes is much cheaper than reading them. */
struct last_head {
	struct head head;
	struct framing framing;
	__u32 len;       /* of the text; 0: none */
	__u16 length_at; /* Content-Length's digits */
	__u8 length_len; /* ... how many there are; 0: none */
	__u8 tame;       /* what follows in wild holds for this text */
	__u8 text[FLOW_HEAD_WINDOW];
	/* A bit for each byte of the text: in the next head it may be another, but no line end. The
	 * last word is empty, and only read along. */
	__u64 wild[FLOW_HEAD_WINDOW / 64 + 1];
};

enum http1_phase {
	PHASE_LOST = 0,    /* waiting for a segment that begins with a message */
	PHASE_START,       /* the next byte begins a message */
	PHASE_HEAD,        /* inside a head */
	PHASE_BODY,        /* inside a body whose head is wanted: gathering */
	PHASE_SKIP,        /* inside a body of which enough is known, or nothing wanted */
	PHASE_CHUNK,       /* a chunk-size line comes next */
	PHASE_TRAILER,     /* after the last chunk */
	PHASE_UNTIL_CLOSE, /* a body that ends with the connection */
	PHASE_IGNORE,      /* no more HTTP/1 on this connection (Upgrade, CONNECT) */
	PHASE_HTTP2,       /* it speaks HTTP/2: see http2_streams.h */
	PHASE_UPGRADED,    /* the next byte begins HTTP/2, if the 101 before it says so */
};

struct http1 {
	/* From one step to the next. */
	__u64 left;     /* bytes left of the body, or of the chunk */
	__u16 have;     /* bytes of an unfinished line at the base */
	__u16 gathered; /* bytes of the body in the window */
	__u8 phase;     /* enum http1_phase */
	__u8 started;   /* the start line has been seen */
	__u8 long_line; /* dropping the rest of a line longer than the window */
	/* Within one step. Here, and not in variables, because the verifier keeps no history of
	 * this memory: paths that differ only in these become one (bytes_forget). */
	__u8 in_lines;  /* the step reads lines, not a body */
	__u32 pos;      /* scanning: the next byte of the window to be looked at */
	__u32 start;    /* ... and where its line begins */
	__u32 fragment; /* bytes of the body that the step is about; 0: none */
	__u16 base;     /* where lines are put in the window */
	__u16 room;     /* ... and how many bytes of them */
	__u16 filled;   /* where the bytes of the window end */
	__u16 body_at;  /* where the body's lie in it */
	__u8 full;      /* as many lines as the window has room for */
	__u8 fresh;     /* the window of lines begins with the message */
	__u8 unparsed;  /* the step gathered bytes of the body */
	__u8 complete;  /* the window holds the whole body */
	__u8 found;     /* enum http1_lines: what the last window of lines held */
	__u8 span;      /* enum flow_span: of the line, or of the value, in hand */
	__u8 untidy;    /* a value has blanks around it */
	__u8 noted;     /* lines in others */
	__u8 pad[4];
	struct framing framing;
	struct last_head last;
	struct flow_slice spans[SPANS];
	/* The lines of the head that say nothing that matters here. Behind the last place is one
	 * for what finds none. */
	struct flow_slice others[FLOW_WILD_LINES + 1];
	__u8 window[FLOW_WINDOW + FLOW_SLACK];
};

/* --- the connection -------------------------------------------------------------------------- */

/* One direction of a connection. Worked on by one run at a time: see stream.h. */
struct side {
	struct http1 http1; /* first: it is used most, and then its address is the side's */
	struct cursor cursor;
	struct message message;
	struct ilp_known known;
	__u64 announced; /* the endpoint and token of an earlier message, as hashes */
	__u8 out;        /* enum flow_direction, for as long as the connection lives */
	__u8 pad[7];
};

/* Requests of one connection that may wait for their answers: the bits of a word. */
#define FLOW_PIPELINED_MAX 64

/* What both directions of a connection share. */
struct flow_common {
	__u64 id; /* struct record_flow */
	__u32 generation;
	__u32 pid;
	__u8 tap;
	__u8 target;
	__u8 role;      /* enum record_role; known from the first request on */
	__u8 unsure;    /* an answer may have been missed */
	__u32 requests; /* heads of requests seen since the connection is followed */
	__u32 answers;  /* heads of final responses seen, never more than requests */
	__u64 wanted;   /* bit n % 64: request n carried ILP, so its answer is wanted */
	__u64 headless; /* bit n % 64: the answer to request n has no body whatever its head says */
	__u64 connects; /* bit n % 64: request n asks for a tunnel */
	__u8 tunnel;    /* 0, or the connection has been given over to another protocol: the phase
			 * that the next byte of a direction has (enum http1_phase) */
	__u8 proven;    /* the role is certain: a request with an ILP packet has been seen */
	__u8 guessing;  /* which answer belongs to which request is likely, not certain: there may
			 * be answers under way to requests that were not seen */
	__u8 plain;     /* followed for what may come: no POST has been seen */
	__u8 shifted;   /* 1: the next message begins another numbering */
	__u8 numbering; /* see struct record_message */
	__u8 spoken;    /* an ILP answer has been seen */
	__u8 pad;
};

/* One followed connection: a value of socket storage (tap_socket.h) or of the TLS table. */
struct flow {
	struct flow_common common;
	struct side sides[2]; /* by enum flow_direction */
	/* The verifier adds the largest offset to the largest length, though no load ever has both.
	 * The room after the last window is for its sake, some of it in use. */
	__u8 guard[FLOW_MASK + 1 - sizeof(struct ilp_known)];
};

#endif
