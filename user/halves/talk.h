/* SPDX-License-Identifier: Apache-2.0 */
/*
 * talk.h - the probe half's talk with the daemon half: lets one in at a time, hands it the ring,
 * says how targets and processes do, and answers it.
 *
 * In: what the daemon half says (wire.h), which is not trusted. Out: messages to it. What finds no
 * room in the socket is said later. Between two daemon halves it keeps what the first left to the
 * second, and does not look into it; so does the service manager (base/fdstore.h) between two probe
 * halves.
 */
#ifndef TELLTALE_TALK_H
#define TELLTALE_TALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <event2/event.h>

#include "base/fdstore.h"
#include "halves/looker.h"
#include "halves/ring.h"
#include "halves/sightings.h"
#include "halves/watched.h"
#include "tap/probe.h"
#include "tap/processes.h"
#include "tap/timing.h"

/* Room for the events of the clocks: 13,000, of which a busy connector makes some 10,000 a second.
 */
#define TALK_CLOCKS_BYTES (1u << 19)

struct talk;

/* What is talked about. All is borrowed, and outlives the talk but for its end: see talk_free. */
struct talk_about {
	struct probe *probe;
	const struct watched *watched;
	const struct processes *processes;
	struct looker *looker;
	struct sightings *sightings;
	const uint64_t *execs;              /* programs that began in the targets so far */
	struct timing *timing;              /* NULL: the clocks do not run ... */
	const char *no_clocks;              /* ... and why; NULL: they are not wanted */
	struct siphash_key session, hashes; /* as in the welcome, as is */
	bool traces;
	bool witness;      /* it says until when it has looked */
	bool missed, kept; /* as in the welcome */
	/* The daemon half that was started together with this one is gone. */
	void (*parted)(void *context);
	void (*leaving)(void *context); /* one says that it will go */
	void (*left)(void *context);    /* ... and is gone */
	void *context;
};

/* Who may be talked to. */
struct talk_with {
	struct event_base *base;
	struct fdstore *store; /* NULL: nothing is kept for another probe half */
	int link;              /* a socket to the only one, which is taken over ... */
	const char *socket;    /* ... or where they find this one, and their user */
	uid_t user;
};

/* Waits for the only daemon half to say that it is there, or begins to listen. 0 or -errno, logged
 * but for -EPIPE and -ENOMEM; then talk_free is due all the same where *OUT is set. */
int talk_open(const struct talk_with *with, struct talk **out);
/* Everything is attached: welcomes who has come. 0 or -errno. */
int talk_begin(struct talk *t, const struct talk_about *about);

/* Says what has changed: of everything, or of one thing. */
void talk_news(struct talk *t);
void talk_closed(struct talk *t);
void talk_sightings(struct talk *t);

/* A daemon half is there and has said that it goes. */
bool talk_is_leaving(const struct talk *t);
/* From here on no end of a daemon half is complained of. */
void talk_stopping(struct talk *t);
/* Nothing more comes into the ring. Waits a second at most. */
void talk_bye(struct talk *t);
/* Hangs up. */
void talk_hang_up(struct talk *t);
/* Ends it, and hangs up. Looks at nothing that was talked about. Accepts NULL. */
void talk_free(struct talk *t);

#endif
