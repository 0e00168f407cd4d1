/* SPDX-License-Identifier: Apache-2.0 */
/* lane.h - what export.c, the thread and its mailbox, and lane.c, the way of one
 * snapshot to one endpoint, share. */
#ifndef TELLTALE_EXPORT_IMPL_H
#define TELLTALE_EXPORT_IMPL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "export/export.h"
#include "export/channel.h"
#include "export/otlp.h"
#include "export/timeline.h"

/* One endpoint. The thread owns all of it but what is marked. */
struct lane {
	struct export_channel channel;
	uint64_t settled; /* the snapshot that was acknowledged or dropped for good */
	uint64_t sending; /* the one under way; 0: none */
	size_t sending_bytes;
	uint64_t sent_ns;
	int64_t not_before_ms;
	bool asked; /* not_before_ms is what the endpoint asked for */
	bool retrying;
	bool partial_said, warning_said;
	struct export_status status; /* under the exporter's lock */
	struct export_keys *fresh;   /* under the exporter's lock: rotated, not yet in use */
	/* Of whoever calls export_post: */
	struct export_file known[3]; /* which were read last */
	bool keys_said;
};

/* A snapshot and what its points' time is: its own by the timeline. */
struct parcel {
	struct released *released;
	int64_t shift_ns;
};

struct exporter {
	struct export_params params;
	struct otlp_attribute *attributes;
	struct otlp_resource resource;
	struct lane *lanes;
	size_t lanes_len;
	pthread_t thread;
	grpc_completion_queue *cq;
	/* A call that is never sent: an empty batch on it posts its tag to the queue at once, which
	 * is how another thread wakes this one. */
	grpc_channel *nowhere;
	grpc_call *wake_call;
	/* The thread's own. The first snapshot, in which everything is zero, goes to each endpoint
	 * before any other: only so does a store that knows nothing of start times see that the
	 * counters began anew, however long the endpoint was out of reach. */
	struct parcel first, newest;
	uint64_t newest_number; /* counts snapshots from 1 */
	bool flushing;          /* the thread has seen `stopping` */
	bool late;              /* ... and its deadline */

	struct timeline timeline; /* of whoever calls export_post */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct parcel mailbox_first, mailbox;
	bool posted; /* anything, ever */
	bool stopping;
	int64_t stop_ms; /* when the flush must have ended */
	int started;     /* 1: not yet; else the result of starting */
	char why[256];
};

/* Sends the first snapshot where L has not had it, else the newest. */
void lane_send(struct exporter *x, struct lane *l);
/* After the tag of an export: what became of it, and when to go on. */
void lane_settle(struct exporter *x, struct lane *l);

#endif
