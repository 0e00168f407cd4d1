/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spans.h - what leaves the host as traces: packets on their way through the operator's nodes.
 *
 * For endpoints of audience OWN that ask for traces, and for no other. There is no amount in it, no
 * address and no condition: what identifies a payment or a packet is a keyed hash.
 */
#ifndef TELLTALE_SPANS_H
#define TELLTALE_SPANS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPANS_MAX      2048 /* in one batch */
#define SPAN_TRACE_LEN 16
#define SPAN_NAME_LEN  64 /* longest name, its NUL included */
#define SPAN_PEER_LEN  320

/* As OTLP numbers them. */
enum span_kind { SPAN_INTERNAL = 1, SPAN_SERVER = 2, SPAN_CLIENT = 3 };

struct span {
	uint8_t trace[SPAN_TRACE_LEN]; /* all packets of one payment have the same */
	uint64_t id, parent;           /* parent 0: it has none */
	uint64_t from_ns, to_ns;       /* since 1970 */
	enum span_kind kind;
	char name[SPAN_NAME_LEN];
	/* Its length is a sum over its parent's time. Where in that it was spent is not known. */
	bool total;
	/* Of a packet only: */
	const char *outcome; /* a word of words.h; NULL: it is no packet */
	const char *split;   /* likewise */
	bool failed;
	char reject_code[4]; /* empty unless rejected */
	bool has_margin;
	int64_t margin_ms;        /* how much sooner the outgoing Prepare expires */
	char peer[SPAN_PEER_LEN]; /* where it goes to; "": not known, or nowhere */
};

/* A batch. It is immutable once it is shared, and reference-counted, also across threads. */
struct spans {
	size_t len, room;
	struct span *list;
};

struct spans *spans_new(void); /* empty; NULL: memory is short */
/* Room for one more, zeroed. NULL: the batch is full, or memory is short. */
struct span *spans_add(struct spans *s);
struct spans *spans_ref(struct spans *s);
void spans_unref(struct spans *s); /* accepts NULL */

#endif
