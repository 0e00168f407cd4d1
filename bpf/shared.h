/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * shared.h - what the probe half writes into maps for the programs, and reads there (record.h is
 * what the daemon half reads).
 */
#ifndef TELLTALE_SHARED_H
#define TELLTALE_SHARED_H

#include <linux/types.h>

#define SHARED_TARGETS_MAX   256  /* CONFIG_TARGETS_MAX; their numbers are of 8 bits */
#define SHARED_CGROUPS_MAX   4096 /* of all targets together */
#define SHARED_LEVELS_MAX    32   /* the deepest a target's cgroup may lie */
#define SHARED_PROCESSES_MAX 4096

#define SHARED_ATTACHING (1ULL << 62) /* later than any time */

/* The programs whose time is measured: see bpf/tap/cost.h. */
enum shared_program {
	SHARED_PROGRAM_SOCKET_IN, /* a segment, with the programs that go on with it */
	SHARED_PROGRAM_SOCKET_OUT,
	SHARED_PROGRAM_SOCKET_CLOSED,
	SHARED_PROGRAM_TLS_CALL, /* a call into a TLS library begins */
	SHARED_PROGRAM_TLS_RETURN,
	SHARED_PROGRAM_TLS_OBJECT, /* an SSL object begins or ends */
	SHARED_PROGRAM_EXEC,       /* a program begins */
	SHARED_PROGRAM_STATE,      /* a TCP socket of the host changes its state */
	SHARED_PROGRAM_LOOK,       /* the witness looks at a file */
	SHARED_PROGRAM_DROPPED,    /* a packet of the host is dropped */
	SHARED_PROGRAMS,
};

#define SHARED_COSTS 16 /* a power of two, and room for all of them */

/* What a look at all sockets of the targets' processes says of one: see bpf/tap/witness.h. A
 * program of the kernel writes it, the probe half reads it, in no other order than sockets are
 * found. */
enum shared_sight_kind {
	SHARED_SUSPECT = 1, /* bytes are missing; the next look will know */
	SHARED_UNSEEN,      /* bytes passed on it that the socket tap has not seen */
	SHARED_SHORTCUT,    /* something takes its bytes past TCP */
	SHARED_CONNECTION, /* made in a cgroup of no target, and bytes passed since the last look */
	SHARED_LISTENER,   /* made in a cgroup of no target, and accepts connections */
	SHARED_UNIX,       /* accepts connections on a Unix socket, of which nothing is known */
	SHARED_UNIX_USED,  /* the same, and somebody has connected to it, or that is not known */
	SHARED_UNIX_INSIDE,  /* accepted on a Unix socket from a process of the same target */
	SHARED_UNIX_OUTSIDE, /* ... from any other */
};

struct shared_sight {
	__u64 key;   /* the socket's cookie; of Unix sockets one that is the same for a listener and
		      * what it accepts */
	__u64 bytes; /* UNSEEN: how many */
	__u32 pid;   /* of a process that has the socket, in the first PID namespace */
	__u8 kind;   /* enum shared_sight_kind */
	__u8 target;
	__u8 first; /* it was not seen so before */
	__u8 pad;
};

/* How a value of tls_flows begins. */
struct shared_tls_flow {
	__u64 id; /* as in struct record_flow */
	__u32 generation;
	__u32 pid;
	__u8 tap, target, role;
	__u8 pad[5];
};

/* The cookie of breakpoints. Its low bits are the offset in an SSL object of the 4 bytes that say
 * whether this end is the server; 0: the offset is not known. SHARED_TLS_TYPED says that the
 * object's first word is its type, of which 0 is a connection. The upper half is the process's
 * number in the probe half's PID namespace: the programs themselves see the host's. */
#define SHARED_TLS_SERVER_AT 0xffff
#define SHARED_TLS_TYPED     (1u << 16)
#define SHARED_TLS_BIO       (1u << 17) /* the first argument is a BIO that leads to an SSL object */
#define SHARED_TLS_FRESH                                                                           \
	(1u << 18) /* after this call its SSL object has yet to begin a handshake */
#define SHARED_TLS_PID_SHIFT 32

/* A set: which connections in HTTP/2 are followed. */
enum shared_http2 { SHARED_HTTP2_SOCKETS = 1, SHARED_HTTP2_TLS = 2 };

/* A stream in HTTP/2: of a socket by its cookie, of a TLS connection by the address of its SSL
 * object. */
struct shared_stream_key {
	__u64 id;
	__u32 generation;
	__u32 pid;
	__u32 stream;
	__u32 pad;
};

/* How a value of http2_streams ends. */
struct shared_stream_tail {
	__u64 opened_ns; /* CLOCK_MONOTONIC */
	__u8 target;
	__u8 pad[7];
};

/* The key of a TLS connection. The probe half removes connections of processes that are gone. */
struct shared_tls_key {
	__u64 ssl; /* address of the SSL object */
	__u64 pid;
};

#endif
