/* SPDX-License-Identifier: Apache-2.0 */
/* lane.h - shared by export.c (the thread and its mailbox) and lane.c (sending to one endpoint). */
#ifndef TELLTALE_EXPORT_IMPL_H
#define TELLTALE_EXPORT_IMPL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "export/export.h"
#include "export/channel.h"
#include "export/otlp.h"
#include "export/timeline.h"

#define LANE_BATCHES 4 /* of spans that wait */

/* One endpoint. The thread owns every field whose comment names no other owner. */
struct lane {
	struct export_channel channel;
	uint64_t settled; /* number of the newest snapshot acknowledged or dropped for good */
	uint64_t sending; /* number of the snapshot being sent; 0: none */
	size_t sending_bytes;
	uint64_t sent_ns;
	int64_t not_before_ms;
	bool asked; /* the endpoint asked to wait until not_before_ms */
	bool retrying;
	bool partial_said, warning_said;
	struct export_status status; /* under the exporter's lock */
	/* Under the exporter's lock: spans that wait, the oldest first, which is the one being sent
	 * where SENDING_SPANS. */
	struct spans *batches[LANE_BATCHES];
	size_t batches_len;
	bool sending_spans;
	unsigned spans_failures; /* attempts in a row; the thread's own */
	bool spans_said;
	struct export_keys *fresh; /* under the exporter's lock: replaced, not yet in use */
	/* Owned by the thread that calls export_post: */
	struct export_file known[3]; /* the files that were read last */
	bool keys_said;
};

/* A snapshot, and the time of its points by the timeline. */
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
	/* A call that is never sent. An empty batch on it posts its tag to the queue at once: so
	 * another thread wakes this one. */
	grpc_channel *nowhere;
	grpc_call *wake_call;
	/* Owned by the thread. The first snapshot, in which everything is zero, goes to each
	 * endpoint before any other. A store that ignores start times sees a restart only by these
	 * zeros, however long the endpoint was out of reach. */
	struct parcel first, newest;
	uint64_t newest_number; /* counts snapshots from 1 */
	bool flushing;          /* the thread has seen `stopping` */
	bool late;              /* ... and the deadline has passed */

	struct timeline timeline; /* owned by the thread that calls export_post */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct parcel mailbox_first, mailbox;
	bool posted; /* a snapshot was posted */
	bool stopping;
	int64_t stop_ms; /* when the flush must have ended */
	int started;     /* 1: not yet; else the result of starting */
	char why[256];
};

/* Sends L the first snapshot if it has not had it, else the newest. */
void lane_send(struct exporter *x, struct lane *l);
/* Sends L the oldest batch of spans that waits for it, if there is one. */
void lane_send_spans(struct exporter *x, struct lane *l);
/* Gives L a batch, of which it takes a reference. The caller holds the lock. */
void lane_give_spans(struct lane *l, struct spans *spans);
bool lane_is_sending(const struct lane *l);
/* Called after the tag of an export: takes its result and sets the time of the next. */
void lane_settle(struct exporter *x, struct lane *l);

#endif
