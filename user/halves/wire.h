/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire.h - what the two halves say to each other, apart from the records in the ring.
 *
 * telltale is two processes. The probe half has the privileges: it attaches, and looks at the
 * targets' processes. The daemon half has none: it reads the ring, exports, and serves the page.
 * They are connected by a socket that keeps messages apart (SOCK_SEQPACKET), so one packet is one
 * message: a header, and the fixed body that its type has. Text is NUL-terminated inside its array.
 *
 * Neither half trusts the other. wire_decode, the same function for both ways, refuses every
 * message that the other side has no business to send, or that has another length, an impossible
 * value or unterminated text. What is text it makes fit for a log.
 *
 * The daemon half can say that it is there, that it leaves, and ask whose one connection of a
 * target is. Nothing that it says names a file, or a process to attach to.
 */
#ifndef TELLTALE_WIRE_H
#define TELLTALE_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "bpf/record.h"
#include "config/target.h"
#include "release/vocabulary.h"

/* Of header and bodies. Halves of different versions do not work together, as those of different
 * RECORD_VERSION do not. */
#define WIRE_VERSION 4

#define WIRE_TEXT_MAX 320
#define WIRE_NAME_MAX 128 /* a longer name is cut */
/* Bytes of records that a daemon half may leave to the next one. */
#define WIRE_BACKLOG_MAX (16u << 20)
#define WIRE_CLOSES      16 /* connections in one message */

enum wire_type {
	WIRE_HELLO = 1, /* daemon: it is there */
	WIRE_LEAVING,   /* daemon: another one will come in its place */
	WIRE_GONE,      /* daemon: it has finished; a descriptor of records for its successor may
			 * come along */
	WIRE_ASK,       /* daemon: whose is a connection? */
	WIRE_WELCOME,   /* probe: everything is attached; with descriptors, in this order: ring,
			 * counters of dropped records, and the records that the daemon half before
			 * left, where `backlog` says so */
	WIRE_TARGET,    /* probe: how a target does */
	WIRE_STATE,     /* probe: how many processes there are */
	WIRE_CLOSED,    /* probe: connections that ended with their program */
	WIRE_ANSWER,    /* probe: to a question */
	WIRE_UNSEEN,    /* probe: what the witness found of a target */
	WIRE_WITNESSED, /* probe: until when the witness has looked */
	WIRE_CLOCKS, /* probe: the clocks of the targets' threads run, or why not; where they run,
		      * with descriptors: their ring, and the counter of events that found no room
		      */
	WIRE_BYE,    /* probe: it has detached, and the ring gets no more; or the ring that the
		      * daemon half reads is not this probe half's */
	WIRE_TYPES,
};

enum wire_side { WIRE_FROM_DAEMON, WIRE_FROM_PROBE };

/* What became of the daemon half before. */
enum wire_before {
	WIRE_BEFORE_NONE,
	WIRE_BEFORE_LEFT, /* as planned, and it finished what it had in hand */
	WIRE_BEFORE_LOST, /* it was killed, or broke: what it had in hand is lost */
	WIRE_BEFORES,
};

struct wire_head {
	uint16_t version; /* WIRE_VERSION */
	uint16_t type;    /* enum wire_type */
	uint32_t len;     /* of the whole message, in bytes */
};

struct wire_hello {
	uint64_t session[2];     /* RESUMES: as in the welcome that it got with its ring */
	uint32_t record_version; /* RECORD_VERSION */
	uint32_t resumes;        /* 1: it has a ring, from a probe half before this one */
};

struct wire_ask {
	uint64_t id;    /* for the answer */
	uint64_t at_ns; /* CLOCK_MONOTONIC when the connection was seen */
	struct record_remote remote;
	uint32_t target;
	uint32_t role; /* enum record_role, as far as it is known */
	uint32_t pid;  /* not 0: only the name of this process of the target is asked for */
	uint32_t pad;
};

struct wire_welcome {
	uint64_t session[2]; /* tells this ring from others */
	/* The key under which the programs hash what is forgotten: drawn with the session, or the
	 * operator's own of traces. */
	uint64_t hashes[2];
	uint64_t dropped; /* records that found no room until the daemon half before went */
	uint32_t ring_bytes;
	uint32_t targets;
	uint32_t record_version;
	uint32_t before;  /* enum wire_before */
	uint32_t backlog; /* 1: a descriptor of records that the one before left comes along */
	uint32_t witness; /* 1: WIRE_WITNESSED will come */
	uint32_t missed;  /* 1: another probe half was attached before, and a target's process may
			   * have sent something between the two */
	uint32_t kept;    /* 1: when this probe half ends, everything stays attached for the next
			   * one, which is to be waited for */
	uint32_t traces;  /* 1: HASHES is the operator's own */
	uint32_t pad;
};

struct wire_target {
	uint64_t since_ns; /* CLOCK_REALTIME */
	uint32_t index;
	uint32_t state; /* enum target_state */
	uint32_t cgroups;
	uint32_t refused;
	char name[WIRE_NAME_MAX];
	char reason[WIRE_TEXT_MAX];
};

struct wire_state {
	uint64_t execs; /* programs that began in the targets so far */
	uint32_t processes;
	uint32_t tapped;      /* whose TLS library is read */
	uint32_t tls_refused; /* 1: the kernel lets nobody read TLS */
	uint32_t pad;
	/* What the probe half itself takes, since it began. */
	uint64_t cpu_ns, bytes;
	/* What its programs in the kernel took, of the runs that were timed, and runs that the
	 * kernel left out: by enum PROGRAM_*. */
	struct wire_program {
		uint64_t runs, ns, missed;
	} programs[PROGRAMS];
};

struct wire_closed {
	uint32_t len;
	uint32_t pad;
	struct record_flow_close closes[WIRE_CLOSES];
};

struct wire_answer {
	uint64_t id;
	uint32_t looked;  /* 0: there was no time to look */
	uint32_t verdict; /* enum sockets_verdict */
	uint32_t role;    /* enum record_role */
	uint32_t pid;     /* 0: not found */
	char program[32];
};

struct wire_unseen {
	uint64_t since_ns; /* CLOCK_MONOTONIC when that became so */
	uint32_t target;
	uint32_t cause; /* enum witness_cause */
	uint32_t found; /* sockets that are not read, since the message before */
	uint32_t open;  /* 1: something may come in on them */
	char program[32];
};

struct wire_witnessed {
	/* CLOCK_MONOTONIC: what happened before, a look has seen, and what it found was said. */
	uint64_t at_ns;
};

struct wire_clocks {
	uint32_t ring_bytes; /* 0: they do not run */
	uint32_t pad;
	char why[WIRE_TEXT_MAX]; /* they do not run, or see no dependencies */
};

struct wire_message {
	struct wire_head head;
	union {
		struct wire_hello hello;
		struct wire_ask ask;
		struct wire_welcome welcome;
		struct wire_target target;
		struct wire_state state;
		struct wire_closed closed;
		struct wire_answer answer;
		struct wire_unseen unseen;
		struct wire_witnessed witnessed;
		struct wire_clocks clocks;
	};
};

/* Sets the header of M, whose body is filled in. */
void wire_begin(struct wire_message *m, enum wire_type type);
/* TEXT, cut where it is too long, into an array of LEN bytes; the rest is zeroed. */
void wire_put_text(char *to, size_t len, const char *text);

/*
 * A packet of LEN bytes that FROM sent, to *OUT. 0; -EPROTONOSUPPORT: it is of another version;
 * -EBADMSG: it is no message that FROM may send.
 */
int wire_decode(const void *packet, size_t len, enum wire_side from, struct wire_message *out);

_Static_assert(sizeof(struct wire_head) == 8, "wire_head");
_Static_assert(sizeof(struct wire_hello) == 24, "wire_hello");
_Static_assert(sizeof(struct wire_ask) == 56, "wire_ask");
_Static_assert(sizeof(struct wire_welcome) == 80, "wire_welcome");
_Static_assert(sizeof(struct wire_target) == 24 + WIRE_NAME_MAX + WIRE_TEXT_MAX, "wire_target");
_Static_assert(sizeof(struct wire_state) == 40 + 24 * PROGRAMS, "wire_state");
_Static_assert(sizeof(struct wire_clocks) == 8 + WIRE_TEXT_MAX, "wire_clocks");
_Static_assert(sizeof(struct wire_closed) == 8 + 40 * WIRE_CLOSES, "wire_closed");
_Static_assert(sizeof(struct wire_answer) == 56, "wire_answer");
_Static_assert(sizeof(struct wire_unseen) == 56, "wire_unseen");

#endif
