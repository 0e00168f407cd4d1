/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * maps.h - what the programs and the two halves share: parameters set before loading, and the
 * maps.
 */
#ifndef TELLTALE_MAPS_H
#define TELLTALE_MAPS_H

#include "bpf/decode/flow.h"
#include "bpf/decode/http2_state.h"
#include "bpf/decode/http2_walk.h"
#include "shared.h"
#include "bpf/decode/stream.h"

/* --- parameters: read-only data, set by the probe half between open and load ------------------ */

/* Drawn at start, never stored: ILP addresses, conditions, endpoints, Request-Ids. */
const volatile struct siphash_key session_secret;
/* Kept on the host: bearer tokens, so that a fingerprint in the configuration stays true. */
const volatile struct siphash_key host_secret;
/* A submission wakes the daemon half when this many bytes or more wait in the ring. */
const volatile __u64 ring_high_water = 512 * 1024;
/* TLS connections that one target may have in the table, and how many more on which it answers. */
const volatile __u64 tls_share, tls_reserve;
/* Streams in HTTP/2 that one target may have in the table, and TLS connections in HTTP/2. */
const volatile __u64 streams_share = 8192, http2_tls_share = 256;
/* See hpack_huffman.h. */
const volatile __u32 hpack_table[HPACK_HUFFMAN_LEN];
/* What the kernel has: see uprobe.h. */
const volatile __u8 tls_sessions, tls_cookies;

static __always_inline const volatile struct siphash_key *session_key(void)
{
	return &session_secret;
}

static __always_inline const volatile struct siphash_key *host_key(void)
{
	return &host_secret;
}

/* --- maps ------------------------------------------------------------------------------------- */

/* Records for the daemon half, in order. What finds no room is counted in `dropped`. The probe half
 * sets the size. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} ring SEC(".maps");

/* Programs that begin in the targets: struct record_exec. Read by the probe half, which attaches to
 * them; the daemon half has no part in it. What finds no room is counted in `dropped`. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
} execs SEC(".maps");

/* Records that found no room in their ring, by enum record_type. Written here; the daemon half maps
 * it and adds it up. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, RECORD_TYPES);
	__type(key, __u32);
	__type(value, __u64);
} dropped SEC(".maps");

/* The cgroups that are opted in, by cgroup id -> the number of their target. Written by the probe
 * half before it attaches to one; deleted when no socket is left that was made in it. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SHARED_CGROUPS_MAX);
	__type(key, __u64);
	__type(value, __u8);
} targets SEC(".maps");

struct socket_flow {
	struct bpf_spin_lock lock; /* around streams and stash: see stream.h */
	__u32 counted;             /* in followed[]: enum tap_counted */
	__u8 closing;              /* bit per direction: it has ended */
	__u8 closed;               /* reported already */
	__u8 tentative;            /* followed only because its first bytes came out of order */
	__u8 trusting;             /* TCP takes segments whose checksums look wrong here */
	struct stream streams[2];  /* by enum flow_direction */
	struct stream_stash stash;
	__u32 doubted; /* where the last ingress segment with a wrong checksum began */
	__u8 adopted;  /* an early segment: at most once */
	__u8 begun;    /* what it is has been said: see tap_begins */
	__u8 pad[2];
	__u32 sent; /* where the last egress segment ended, perhaps before TCP notes it as sent */
	__u64 walked[2]; /* bytes of the connection, by enum flow_direction: those before it was
			  * followed, and since then those that passed, some of them twice */
	struct record_remote remote;
	struct flow flow;
};

_Static_assert(sizeof(struct socket_flow) <= FLOW_STORAGE_MAX, "newer kernels have no room for it");

/* Connections that carry ILP. Lives from the first "POST" until FIN or RST, or with the socket. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct socket_flow);
} socket_flows SEC(".maps");

/* Bytes that came too early, in one place of a connection's stash. */
struct piece {
	__u32 seq;
	__u32 len; /* of an early one; else the place knows */
	__u8 bytes[STREAM_PIECE_MAX + 8];
};

struct piece_key {
	__u64 cookie; /* of the socket */
	__u32 place;
	__u32 pad;
};

/* Written when a segment comes too early, removed when its turn has come. Those of sockets that
 * ended in disorder are evicted as the least recently used. A piece evicted too soon is a gap of
 * the cause RECORD_GAP_REORDER. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 768);
	__type(key, struct piece_key);
	__type(value, struct piece);
} pieces SEC(".maps");

/* An empty piece to copy from. Never written. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct piece);
} piece_blank SEC(".maps");

struct early_key {
	__u8 addr[16]; /* the far end's */
	__u16 port, local_port;
	__u32 ack; /* of the segment; 0: it has none */
};

/* Bytes that came with the segment that completes a handshake. The hook sees it with the listening
 * socket, before the connection has a socket of its own. Removed when the connection is followed,
 * or evicted. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 256);
	__type(key, struct early_key);
	__type(value, struct piece);
} early SEC(".maps");

/* What is known of connections by their ports alone. A look here costs other connections next to
 * nothing. PORTS_EARLY: where the bytes after an early segment begin. Two early segments share an
 * entry when the ports of two far ends fall together; then one of them is not found. PORTS_WALKING:
 * how many of http2_sockets are certain to speak HTTP/2. */
enum ports_fact { PORTS_EARLY, PORTS_WALKING, PORTS_FACTS };

#define PORTS_SLOTS 65536
#define EARLY_REACH (1u << 16) /* how far off the next segment may be */
__u32 ports[PORTS_SLOTS][PORTS_FACTS];

/* How many connections are followed, by target. Each costs some kilobytes of the kernel's memory,
 * so no target may have more than flows_max; a GAP_FULL reports each of the others. The count goes
 * down when a connection ends or its process closes it, whichever is first. Only the programs write
 * it. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SHARED_TARGETS_MAX);
	__type(key, __u32);
	__type(value, __u64);
} followed SEC(".maps");

/* The probe half sets it once it is notified of sockets that processes close. Until then there is
 * no bound: a connection whose end is not seen would stay counted forever. */
volatile __u64 flows_max;

/* Which connections in HTTP/2 are followed: enum shared_http2. Set by the probe half once the
 * kernel has taken the programs for them, which is a moment after all others. Until then, and where
 * it refuses them, these connections are walked, and announced when they carry ILP. */
volatile __u32 http2_follows;

/* The same for TLS connections, which the size of their table bounds as a whole. The probe half
 * counts those that it removed in tls_forgotten: each map has one writer. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SHARED_TARGETS_MAX);
	__type(key, __u32);
	__type(value, __u64);
} tls_followed SEC(".maps"), tls_forgotten SEC(".maps");

struct socket_mark {
	__u64 announced_ns; /* as opaque, the last time */
	__u64 excused[2];   /* bytes that TCP had when they did not matter: see witness.h */
	__u8 known;         /* see opaque_says */
	__u8 client;        /* this end has begun the connection */
	__u8 whole;         /* it was read from its first byte on, up to where nothing was
			     * under way, and has been let go */
	/* See witness.h: */
	__u8 begun;   /* bit per direction: its first bytes passed here, or need not have */
	__u8 met;     /* a look has seen it, or it began after the programs were attached */
	__u8 suspect; /* bytes were missing at the last look */
	__u8 counted; /* announced as one that is not read */
	__u8 left;    /* it was followed, and is not any more */
	/* See tap_is_quiet: */
	__u8 quiet;    /* bit per direction: its beginning is over, and nothing of it to be noted */
	__u8 followed; /* it may be in socket_flows: enum tap_followed */
	__u8 database; /* see tap_is_database: no ILP will pass on it */
	__u8 ended;    /* the other end ended it, as far as the tap can tell: see dropped.h */
	__u8 pad[4];
};

/* What is known of sockets on which bytes passed. Lives with the socket. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct socket_mark);
} socket_marks SEC(".maps");

/* A socket on which frames of HTTP/2 were seen. */
struct socket_walk {
	struct bpf_spin_lock lock; /* around inside */
	__u32 inside;              /* a bit per direction: a run works on it */
	__u32 next[2]; /* sequence numbers of the next bytes; valid once known says so */
	__u8 known;    /* a bit per direction */
	__u8 counted;  /* in ports[slot]: enum tap_counted */
	__u16 slot;
	__u32 pad;
	struct http2_walk walk;
};

/* Connections that speak HTTP/2, or have sent something that may be a frame. Some 500 bytes each,
 * less than a fifth of what the kernel keeps for the socket itself. Lives with the socket, so no
 * target can take another's room. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct socket_walk);
} http2_sockets SEC(".maps");

/* The same of TLS connections. Written when a call writes or reads a frame, removed when the
 * connection ends; the least recently used is forgotten, and known again by its next chain of
 * frames. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct shared_tls_key);
	__type(value, struct http2_walk);
} http2_tls SEC(".maps");

/* An empty one to copy from. Never written. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct http2_walk);
} http2_blank SEC(".maps");

/* Connections in HTTP/2 that are followed, as those of socket_flows are: what is known of their
 * header fields and of the frame in hand. Lives as long as the entry there. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct streams);
} http2_conns SEC(".maps");

/* The same of connections in tls_flows. Lives as long as the entry there; a connection for which
 * there is no room is not followed. Preallocated, as tls_flows is, where the kernel is older than
 * 6.1; else it takes memory as it fills. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, struct shared_tls_key);
	__type(value, struct streams);
} http2_tls_conns SEC(".maps");

/* How many of them each target has. The probe half counts those that it removed in
 * http2_tls_gone: each map has one writer. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SHARED_TARGETS_MAX);
	__type(key, __u32);
	__type(value, __u64);
} http2_tls_of SEC(".maps"), http2_tls_gone SEC(".maps");

/* An empty one to copy from. Never written. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct streams);
} streams_blank SEC(".maps");

/* Requests in HTTP/2 that matter, until they have been answered. Written by the programs; the probe
 * half removes what has been there for longer than any exchange waits, and sets the size. When a
 * target has its share of it, or the kernel has no memory, GAP_FULL says so. Preallocated as
 * http2_tls_conns is. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, struct shared_stream_key);
	__type(value, struct http2_stream);
} http2_streams SEC(".maps");

/* An empty one to copy from. Never written. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct http2_stream);
} stream_blank SEC(".maps");

/* How many of them each target has. The probe half counts those that it removed in
 * streams_swept: each map has one writer. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SHARED_TARGETS_MAX);
	__type(key, __u32);
	__type(value, __u64);
} streams_open_of SEC(".maps"), streams_swept SEC(".maps");

struct stream_front {
	__u8 bytes[ILP_HEAD_MAX];
};

/* The fronts of bodies whose packet's head is cut by the end of a frame, by stream and direction
 * (the highest bit of the stream). Removed when the next frame comes; the least recently used is
 * forgotten, which is a gap of its stream. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 256);
	__type(key, struct shared_stream_key);
	__type(value, struct stream_front);
} stream_fronts SEC(".maps");

/* The texts of Hosts and paths that came in HTTP/2, by their hashes: header fields are named by
 * their index later. The least recently used is forgotten; its endpoint is then not reported to the
 * next reader before it comes in clear again. */
struct texts {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, struct hpack_text);
};

struct texts http2_texts SEC(".maps");
/* Of requests that the targets send: nobody makes them send a thousand different ones. */
struct texts http2_own_texts SEC(".maps");

/* What is known of a TLS connection. */
enum tls_seen_as {
	TLS_USED = 1,   /* it was used at least once, and is announced */
	TLS_WALKED = 2, /* it is in http2_tls */
	TLS_WHOLE = 4,  /* it was seen from its first byte on, and no answer is under way to a
			 * request  that was not read */
	TLS_BTP = 8,    /* announced as one that carries ILP in a WebSocket */
};

/* TLS connections: enum tls_seen_as. Written before the handshake or at the first use, removed when
 * the connection ends. The least recently used is forgotten: it is announced once more when it is
 * used again, and is not whole any more. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct shared_tls_key);
	__type(value, __u8);
} tls_seen SEC(".maps");

/* Counts those who have read the ring. Each of them gets all endpoints. */
volatile __u64 reader;

/* Endpoint and token pairs announced already, with the reader; the least recently used is announced
 * again. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, __u8);
} endpoints SEC(".maps");

/* Processes of the targets whose TLS library carries our breakpoints -> target. The probe half
 * writes and deletes; a breakpoint hit by any other process leaves at once. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SHARED_PROCESSES_MAX);
	__type(key, __u32);
	__type(value, __u8);
} processes SEC(".maps");

/* When the programs were attached last to a cgroup of each target (SHARED_ATTACHING: they are being
 * attached), the latest of these times, and when the last look at all sockets began (witness.h),
 * CLOCK_MONOTONIC. Written by the probe half. */
volatile __u64 attached_ns[SHARED_TARGETS_MAX];
volatile __u64 attached_last_ns, looked_ns;

/* When a target's TLS connection was last announced again as one that carries ILP in a WebSocket.
 */
volatile __u64 btp_told_ns[SHARED_TARGETS_MAX];

/* What runs took that were timed, since the programs were loaded: by enum shared_program. */
__u64 cost_runs[SHARED_COSTS], cost_ns[SHARED_COSTS];

_Static_assert(SHARED_PROGRAMS <= SHARED_COSTS, "each has a place");

struct tls_flow {
	struct flow flow;
};

#define MAPS_SHARED_AT(field)                                                                      \
	_Static_assert(__builtin_offsetof(struct tls_flow, flow.common.field) ==                   \
			       __builtin_offsetof(struct shared_tls_flow, field),                  \
		       "the probe half reads it there")

MAPS_SHARED_AT(id);
MAPS_SHARED_AT(generation);
MAPS_SHARED_AT(pid);
MAPS_SHARED_AT(tap);
MAPS_SHARED_AT(target);
MAPS_SHARED_AT(role);

/* TLS connections that carry ILP. Lives from the first "POST" until SSL_free, or until the probe
 * half sees that the process is gone. Preallocated: programs of this type may not allocate on older
 * kernels. When it is full, GAP_FULL says so. The probe half sets the size. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct shared_tls_key);
	__type(value, struct tls_flow);
} tls_flows SEC(".maps");

/* An empty flow to copy from: it does not fit on the stack. Never written. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tls_flow);
} tls_blank SEC(".maps");

/* A call into the TLS library: its thread, and where that thread's stack stood on entry. */
struct tls_frame {
	__u64 thread;
	__u64 stack;
};

struct tls_call {
	__u64 ssl;
	__u64 buf;
	__u64 done;     /* _ex: where the call puts the number of bytes */
	__u32 pid;      /* as the probe half numbers it */
	__u32 out;      /* enum flow_direction */
	__u64 begun_ns; /* its return, where that is timed */
};

/* The calls into the TLS library that threads are in. Written on entry, removed on return; those
 * that never return are evicted as the least recently used. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct tls_frame);
	__type(value, struct tls_call);
} tls_calls SEC(".maps");

/* The call that has been dealt with last on this CPU, where none has begun there since. A process
 * may carry the breakpoints twice for a moment, as while they are set anew: then each return comes
 * twice, one right after the other. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tls_frame);
} tls_left SEC(".maps");

/* A run that has more to look at than one step allows goes on in another program, by tail call.
 * There is an array for each of those. Recent kernels want all programs of an array, and those that
 * call them, to attach alike. The probe half fills them. */
struct continuation {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
};

struct continuation in_socket SEC(".maps");
struct continuation out_socket SEC(".maps");
struct continuation follow_socket SEC(".maps");
struct continuation settle_socket SEC(".maps");
struct continuation turn_socket SEC(".maps");
struct continuation step_socket SEC(".maps");
struct continuation walk_socket SEC(".maps");
struct continuation http2_socket SEC(".maps");
struct continuation http2_piece SEC(".maps");
struct continuation http2_join SEC(".maps");
struct continuation step_tls SEC(".maps");
struct continuation http2_tls_step SEC(".maps");
struct continuation walk_tls SEC(".maps");

#endif
