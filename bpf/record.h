/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * record.h - the contract between the BPF programs and the daemon half.
 *
 * The programs write one fixed-size record into the ring buffer for each thing they saw; the
 * daemon half reads them in order. Nothing secret passes: no body, no bearer token, no ILP address,
 * no condition and no Request-Id in clear, only keyed SipHash-2-4 values of them. What does pass in
 * clear is an endpoint's Host and path, once each, because the operator needs to name it, and a
 * fulfillment, because whether it fits its condition takes a SHA-256: the daemon half
 * forgets it at once.
 *
 * Every record begins with struct record_head. A reader skips a type it does not know by its
 * length and refuses a version it does not know. All fields are host byte order unless a comment
 * says otherwise; all padding is explicit and zero.
 */
#ifndef TELLTALE_RECORD_H
#define TELLTALE_RECORD_H

#include <linux/types.h>

#define RECORD_VERSION 3

#define RECORD_HOST_MAX  128 /* bytes of a Host kept; longer ones are cut and flagged */
#define RECORD_PATH_MAX  128 /* bytes of a path kept, query string excluded */
#define RECORD_TOKEN_MAX 256 /* bytes of a bearer token that enter its fingerprint */

#define RECORD_FULFILLMENT_LEN 32
#define RECORD_NUMBERING_MAX   255

enum record_type {
	RECORD_MESSAGE = 1, /* an HTTP message that carried ILP, or the answer to one */
	RECORD_ENDPOINT,    /* first sight of a Host and path */
	RECORD_FLOW_CLOSE,  /* a connection that carried ILP has ended, or a stream of one */
	RECORD_GAP,         /* bytes of a followed connection that could not be read */
	RECORD_OPAQUE,      /* a connection in scope that may carry ILP and cannot be read */
	RECORD_EXEC,        /* a process of a target has begun a program */
	RECORD_TLS,         /* a TLS connection that a tap reads was used for the first time */
	RECORD_UNSEEN,      /* a connection has ended whose bytes the socket tap has not seen */
	RECORD_TYPES,
};

enum record_tap {
	RECORD_TAP_SOCKET = 1, /* cgroup_skb; flow.id is the socket cookie */
	RECORD_TAP_TLS,        /* uprobes on OpenSSL; flow.id is the SSL * */
};

/* The target's part in the connection: it sent the request (client) or received it (server). */
enum record_role {
	RECORD_ROLE_UNKNOWN = 0,
	RECORD_ROLE_CLIENT,
	RECORD_ROLE_SERVER,
};

enum record_kind {
	RECORD_KIND_PREPARE = 12, /* the ILPv4 packet type, RFC 27 */
	RECORD_KIND_FULFILL = 13,
	RECORD_KIND_REJECT = 14,
	RECORD_KIND_NONE = 0, /* an answer without a body that could be ILP; see http_status */
	RECORD_KIND_BAD = 1,  /* a body announced as ILP that is no ILP packet */
};

enum record_flag {
	RECORD_REQUEST = 1 << 0,  /* the message is an HTTP request, else a response */
	RECORD_PEER = 1 << 1,     /* destination begins "peer.": protocol chatter, not money */
	RECORD_CUT = 1 << 2,      /* the end of the message was not seen (gap or close) */
	RECORD_LONG = 1 << 3,     /* a hashed header value was longer than could be hashed whole */
	RECORD_TRAILING = 1 << 4, /* bytes follow the packet, as ilp-packet tolerates */
	RECORD_UNSURE = 1 << 5,   /* its number is likely: the connection was open before it was
				   * followed, or bytes of it were missed, so answers to requests
				   * that were not seen may be under way. A Fulfill that fits the
				   * condition of its number proves the connection's numbers for
				   * as long as numbering stays what it is */
	RECORD_NAMELESS = 1 << 6, /* a request in HTTP/2 whose endpoint or token stands in a table
				   * that was begun before the connection was followed: both are
				   * 0 */
};

enum record_gap_cause {
	RECORD_GAP_HOLE = 1, /* TCP went on over bytes that this hook has not seen */
	RECORD_GAP_HTTP,     /* a head that is not HTTP/1.1, or not one that can be followed */
	RECORD_GAP_COMPLEX,  /* more message parts in one segment than a run may look at */
	RECORD_GAP_REORDER,  /* there was no place to keep bytes that came too early */
	RECORD_GAP_LOAD,     /* a helper could not copy the bytes (a page not present, say) */
	RECORD_GAP_FULL,     /* no room to follow one connection more */
	RECORD_GAP_ENCODED,  /* a body that may be ILP has a Content-Encoding */
	RECORD_GAP_CAUSES = RECORD_GAP_ENCODED,
};

enum record_opaque_reason {
	RECORD_OPAQUE_TLS = 1,   /* TLS on the socket; whether a tap reads it in the process is not
				  * known here */
	RECORD_OPAQUE_HTTP2,     /* ILP in HTTP/2 on a connection that there was no room to follow;
				  * other HTTP/2 is no record */
	RECORD_OPAQUE_UPGRADED,  /* followed until it went over to another protocol: 101, or a
				  * CONNECT that was accepted */
	RECORD_OPAQUE_WEBSOCKET, /* this end sends ILP in a WebSocket: as client Prepares, as server
				  * answers to them */
};

/* A connection on which only the other end has spoken this protocol may be announced again, when
 * this end answers in it. One that this end has accepted is announced again while bytes come in on
 * it, once every RECORD_OPAQUE_RENEW_NS: what cannot be read may be ILP for as long as it goes on.
 */
#define RECORD_OPAQUE_RENEW_NS 10000000000ULL

enum record_opaque_said {
	RECORD_OPAQUE_OURS = 1,  /* this end speaks it; else only the other end, perhaps anybody */
	RECORD_OPAQUE_AGAIN = 2, /* announced before */
};

struct record_head {
	__u16 len; /* of the whole record, in bytes */
	__u8 version;
	__u8 type;   /* enum record_type */
	__u8 tap;    /* enum record_tap */
	__u8 role;   /* enum record_role */
	__u8 target; /* index of the target, as the probe half numbered it */
	__u8 pad;
};

/* Names a connection for as long as it lives. */
struct record_flow {
	__u64 id;         /* socket cookie, or the address of the SSL object */
	__u32 generation; /* changes when an SSL address is used again; 0 for sockets */
	__u32 pid;        /* thread group id; 0 where the tap does not know it */
};

/* The far end of a socket, where the tap knows it; family 0 where it does not. */
struct record_remote {
	__u8 addr[16]; /* network order; IPv4 in the first four bytes */
	__u16 port;
	__u16 local_port;
	__u8 family; /* 4, 6, or 0 */
	__u8 pad[3];
};

#define RECORD_RTT_NONE 0xffffffffu /* TCP has measured none */

struct record_message {
	struct record_head head;
	struct record_flow flow;
	__u32 stream; /* HTTP/1: the nth exchange of the connection, from 1; HTTP/2: the stream; 0:
		       * an answer to a request that was not seen */
	__u16 flags;  /* enum record_flag */
	__u8 kind;    /* enum record_kind */
	/* Counts up when the numbers of the connection's answers may have shifted; up to
	 * RECORD_NUMBERING_MAX, and from there on they may shift at any time. */
	__u8 numbering;
	__u64 first_ns; /* CLOCK_MONOTONIC when the message's first byte was seen, and its last */
	__u64 last_ns;
	union {
		struct { /* 0 where the message has none */
			/* Prepare: in the asset's own units, of the peer's asset and scale */
			__u64 amount;
			/* Prepare: YYYYMMDDHHMMSSmmm UTC as one decimal number; not validated */
			__u64 expires_at;
			__u64 destination; /* keyed hashes */
			__u64 condition;
		};
		__u8 fulfillment[RECORD_FULFILLMENT_LEN]; /* Fulfill: as it is in the packet */
	};
	__u64 endpoint;      /* of Host and path; in a response, of the request it answers */
	__u64 token;         /* under the host key: the fingerprint of the bearer token, or 0 */
	__u64 request_id;    /* RFC 35, asynchronous mode; 0 where there is none */
	__u32 data_len;      /* bytes of the packet's data field */
	__u16 http_status;   /* responses */
	__u8 reject_code[3]; /* Reject: ASCII, such as "F08" */
	__u8 pad1[3];
	/* The shortest round trip of the connection, as TCP keeps it; 0 or RECORD_RTT_NONE where
	 * not known. */
	__u32 rtt_min_us;
	__u32 retransmits; /* of the connection so far */
	__u32 pad2;
	struct record_remote remote;
};

struct record_endpoint {
	struct record_head head;
	__u64 endpoint; /* the hash that messages carry */
	__u64 token;    /* the fingerprint it was first seen with */
	__u16 host_len; /* bytes used below; no terminating NUL */
	__u16 path_len;
	__u8 pad[4];
	char host[RECORD_HOST_MAX];
	char path[RECORD_PATH_MAX];
};

struct record_flow_close {
	struct record_head head;
	struct record_flow flow;
	__u64 at_ns;
	__u32 stream; /* HTTP/2: one of its ends gave up this stream, and no more; else 0 */
	__u8 pad[4];
};

struct record_gap {
	struct record_head head;
	struct record_flow flow;
	__u64 at_ns;
	__u64 bytes;  /* missed; 0 where the number is not known */
	__u8 cause;   /* enum record_gap_cause */
	__u8 ingress; /* 1: bytes coming in, 0: going out */
	__u8 spoken;  /* 1: an ILP answer has been seen on the connection */
	__u8 unsure;  /* 1: requests may have been missed before: RECORD_UNSURE */
	__u32 stream; /* the exchange of which one message, and no more, was not read; else 0 */
};

struct record_opaque {
	struct record_head head;
	struct record_flow flow;
	__u64 at_ns;
	struct record_remote remote;
	__u8 reason; /* enum record_opaque_reason */
	__u8 said;   /* enum record_opaque_said */
	__u8 pad[6];
};

struct record_exec {
	struct record_head head;
	__u64 at_ns;
	__u32 pid;
	__u8 pad[4];
};

/* What the socket tap announces as TLS is held against these: see user/tap/tlsmatch.h. */
struct record_tls {
	struct record_head head;
	struct record_flow flow; /* generation: 0 */
	__u64 at_ns;
};

enum record_unseen_kind {
	RECORD_UNSEEN_BYTES = 1, /* TCP has bytes that the tap has not */
	RECORD_UNSEEN_SHORTCUT,  /* a sockmap takes bytes past TCP */
};

/* See bpf/tap/witness.h. */
struct record_unseen {
	struct record_head head;
	struct record_flow flow;
	__u64 at_ns;
	__u64 bytes; /* missing, in both directions */
	__u8 kind;   /* enum record_unseen_kind */
	__u8 pad[7];
};

_Static_assert(sizeof(struct record_head) == 8, "record_head");
_Static_assert(sizeof(struct record_flow) == 16, "record_flow");
_Static_assert(sizeof(struct record_remote) == 24, "record_remote");
_Static_assert(sizeof(struct record_message) == 152, "record_message");
_Static_assert(__builtin_offsetof(struct record_message, first_ns) == 32, "first_ns");
_Static_assert(__builtin_offsetof(struct record_message, amount) == 48, "amount");
_Static_assert(__builtin_offsetof(struct record_message, fulfillment) == 48, "fulfillment");
_Static_assert(__builtin_offsetof(struct record_message, endpoint) == 80, "endpoint");
_Static_assert(__builtin_offsetof(struct record_message, request_id) == 96, "request_id");
_Static_assert(__builtin_offsetof(struct record_message, data_len) == 104, "data_len");
_Static_assert(__builtin_offsetof(struct record_message, rtt_min_us) == 116, "rtt_min_us");
_Static_assert(__builtin_offsetof(struct record_message, remote) == 128, "remote");
_Static_assert(sizeof(struct record_endpoint) == 32 + RECORD_HOST_MAX + RECORD_PATH_MAX,
	       "record_endpoint");
_Static_assert(sizeof(struct record_flow_close) == 40, "record_flow_close");
_Static_assert(sizeof(struct record_gap) == 48, "record_gap");
_Static_assert(__builtin_offsetof(struct record_gap, stream) == 44, "gap's stream");
_Static_assert(sizeof(struct record_opaque) == 64, "record_opaque");
_Static_assert(sizeof(struct record_exec) == 24, "record_exec");
_Static_assert(sizeof(struct record_tls) == 32, "record_tls");
_Static_assert(sizeof(struct record_unseen) == 48, "record_unseen");

#endif
