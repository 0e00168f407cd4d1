/* SPDX-License-Identifier: Apache-2.0 */
/* stages.h - what daemon.c, which runs, and stages.c, which builds up, share. */
#ifndef TELLTALE_DAEMON_IMPL_H
#define TELLTALE_DAEMON_IMPL_H

#include <stddef.h>
#include <stdint.h>

#include <event2/event.h>

#include "daemon/blind.h"
#include "daemon/daemon.h"
#include "export/export.h"
#include "daemon/health.h"
#include "page/local.h"
#include "page/page.h"
#include "exchange/peers.h"
#include "daemon/pipeline.h"
#include "privacy/privacy.h"
#include "tap/probe.h"
#include "tap/processes.h"
#include "rates/rates.h"
#include "release/series.h"
#include "target/target.h"
#include "daemon/targets.h"
#include "daemon/unseen.h"
#include "tap/witness.h"

struct daemon {
	const struct config *config;
	const char *truth_path;
	struct targets targets;

	struct siphash_key session; /* until the pipeline has it */
	struct probe *probe;
	struct processes *processes;
	struct blind *blind;
	struct witness *witness; /* NULL: the kernel does not take its programs */
	struct unseen *unseen;
	bool witnessed; /* it does */
	struct peers *peers;
	struct rates *rates;
	struct series *series;
	struct privacy *privacy;
	struct pipeline *pipeline;
	struct exporter *exporter;
	struct page_options control; /* the socket of the commands ... */
	char *control_path;
	struct page *page;   /* ... is served in this loop */
	struct local *local; /* NULL: `listen` is none */

	struct event_base *base;
	struct event *events[16];
	size_t events_len;

	struct health *health;
	int64_t clock_offset; /* when the ring was last read */
};

/*
 * Everything that is there before the first record is read, what can be found wrong at once first:
 * loading the programs takes seconds. 0 or -errno, which has been logged but for -ENOMEM. What was
 * built, daemon_close takes down, also after a failure.
 */
int daemon_open(struct daemon *d);
void daemon_close(struct daemon *d);

#endif
