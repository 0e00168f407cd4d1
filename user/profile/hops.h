/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hops.h - exchanges -> a packet's way through its connector: six moments, and what lies between.
 *
 *   0  the Prepare's first segment comes in
 *   1  the connector has read all of it
 *   2  the outgoing Prepare's first segment leaves
 *   3  the reply's last segment comes in
 *   4  the connector has read it
 *   5  the reply to the incoming Prepare leaves
 *
 * An incoming Prepare and an outgoing one of the same target with the same condition are one hop.
 * A Prepare that the target answered itself goes from 1 to 5 at once; of one that it originated
 * there are the moments from 2 to 4. Where a library in the process does TLS, what comes in is seen
 * when it was read: no time passes from 3 to 4, and from 0 to 1 only what lies between its parts.
 *
 * So a part that comes late, because the network lost it, is waited for between 0 and 1, or between
 * 2 and 3. A connector that goes on before it has all of a message does not wait for the rest.
 *
 * The work of a thread cannot be divided between exchanges that it has in hand at once. Only a hop
 * that was alone in its process from its first moment to its last is split into columns.
 */
#ifndef TELLTALE_HOPS_H
#define TELLTALE_HOPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/record.h"
#include "exchange/exchange.h"
#include "profile/strip.h"
#include "profile/tape.h"

#define HOP_MOMENTS 6

enum hop_kind {
	HOP_FORWARDED,
	HOP_ANSWERED,   /* by the target itself: received, or turned away */
	HOP_ORIGINATED, /* it has only gone out */
	HOP_KINDS,
};

/* Whether a hop can be split, or why not. */
enum hop_split {
	HOP_SPLIT,
	HOP_NOT_ALONE, /* others were in hand */
	HOP_NO_CLOCK,  /* the thread's clock did not run for all of it */
	HOP_THREADS,   /* one thread read the Prepare, another the reply */
	HOP_NO_REPLY,  /* it has no end */
	HOP_SPLITS,
};

/* Between which moments; the peer's part lies between 2 and 3. */
enum hop_part {
	HOP_RECEIVE, /* 0 to 1 */
	HOP_OUT,     /* 1 to 2, or to 5 where nothing went out */
	HOP_REPLY,   /* 3 to 4 */
	HOP_BACK,    /* 4 to 5 */
	HOP_PARTS,
};

/* What the connector waited for: nothing that was seen, a dependency by its number, or several. */
#define HOP_WAITS   (TAPE_CLASSES_MAX + 2)
#define HOP_SEVERAL (HOP_WAITS - 1)

struct hop_columns {
	uint64_t peer_ns;
	uint64_t ns[HOP_PARTS][HOP_WAITS][STRIP_STATES];
	unsigned turns[HOP_WAITS]; /* that began in it, by dependency */
};

struct hop {
	enum hop_kind kind;
	enum hop_split split;
	enum outcome outcome; /* of the incoming Prepare, where there is one */
	char reject_code[4];  /* empty unless rejected */
	bool has_margin;
	int64_t margin_ns; /* how much sooner the outgoing Prepare expires */
	uint64_t endpoint; /* of the outgoing Prepare; 0: there is none */
	/* Keyed hashes, and the expiry of each Prepare; as the record has them. 0: there is none.
	 */
	uint64_t destination, condition;
	uint64_t in_expires_at, out_expires_at;
	uint32_t pid, tid; /* 0: not seen */
	/* The shortest round trip of the connections it went out on, in microseconds, so far as TCP
	 * had measured one before it left; 0: not known. */
	uint32_t wire_us;
	bool out_tls; /* it went out inside TLS, whose socket is not known */
	uint64_t at_ns[HOP_MOMENTS];
};

/* How long HOP was held, and how much of that it waited for its peer; known with or without a
 * clock. False: it has no reply, or something was not seen. */
bool hops_times(const struct hop *hop, uint64_t *hold_ns, uint64_t *peer_ns);

struct hops;

/* EXCHANGES_MAX are kept in a session; the table says when it is full. NULL: memory is short. */
struct hops *hops_new(size_t exchanges_max);
void hops_free(struct hops *h); /* accepts NULL */

/* An exchange was opened by MESSAGE, its Prepare; and it has ended. E is known by its address. */
void hops_opened(struct hops *h, const struct exchange *e, const struct record_message *message);
void hops_closed(struct hops *h, const struct exchange *e);
/* A reply whose Prepare was sent before the session: something was in hand until then. */
void hops_unmatched(struct hops *h, const struct record_message *reply);
bool hops_full(const struct hops *h);

/*
 * Joins what was seen and calls EACH for every hop, in no order; COLUMNS is NULL unless the hop was
 * split, and then they sum to the time from moment 0 to moment 5. Both are gone after the call. The
 * tape has been settled. Exchanges of protocol packets ("peer.") are no hops, but what they share
 * the process with is not alone. 0 or -ENOMEM.
 */
int hops_judge(struct hops *h, const struct tape *tape,
	       void (*each)(void *context, const struct hop *hop,
			    const struct hop_columns *columns),
	       void *context);

/*
 * The same, for a session without end: only what was over at UNTIL_NS (no later than the tape is
 * settled) is judged, and then forgotten but for how long it was in hand. Everything that began
 * before UNTIL_NS has been given. 0, or -ENOMEM: nothing was judged.
 */
int hops_judge_until(struct hops *h, const struct tape *tape, uint64_t until_ns,
		     void (*each)(void *context, const struct hop *hop,
				  const struct hop_columns *columns),
		     void *context);
/* When the oldest began that has not been judged; UINT64_MAX: there is none. */
uint64_t hops_oldest_ns(const struct hops *h);
/* Once it was full: forgets everything. Until UNTIL_NS nothing is alone. */
void hops_begin_again(struct hops *h, uint64_t until_ns);

/* After hops_judge: adds to NS what the threads did while they had hops in hand that were not
 * alone. */
void hops_in_hand(const struct hops *h, const struct tape *tape, uint64_t ns[STRIP_STATES]);

/* After hops_judge: calls EACH with every time that process PID had a packet in hand, in no order.
 * PID is 0 where its process was not seen. */
void hops_each_stay(const struct hops *h,
		    void (*each)(void *context, uint32_t pid, uint64_t from_ns, uint64_t to_ns),
		    void *context);

#endif
