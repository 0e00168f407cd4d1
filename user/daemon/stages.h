/* SPDX-License-Identifier: Apache-2.0 */
/* stages.h - what daemon.c, which runs, and stages.c, which builds up, share. */
#ifndef TELLTALE_DAEMON_IMPL_H
#define TELLTALE_DAEMON_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/event.h>

#include "daemon/blind.h"
#include "daemon/cost.h"
#include "daemon/daemon.h"
#include "export/export.h"
#include "base/instance.h"
#include "base/pace.h"
#include "base/turns.h"
#include "daemon/health.h"
#include "halves/view.h"
#include "page/local.h"
#include "page/page.h"
#include "exchange/peers.h"
#include "daemon/pipeline.h"
#include "daemon/quiet.h"
#include "privacy/privacy.h"
#include "rates/rates.h"
#include "release/series.h"
#include "target/target.h"
#include "daemon/targets.h"
#include "daemon/unseen.h"

#define DAEMON_FLUSH_MS 4000 /* for the last export; SIGTERM is done within five seconds */

struct daemon {
	const struct daemon_options *options;
	const struct config *config; /* in use; changed by reload.c */
	struct targets targets;
	struct view *view;
	bool strange;            /* the probe half has other targets */
	bool outdated;           /* ... and has got them since: another daemon half is to come */
	struct backlog *backlog; /* for the daemon half that will come; NULL: this one stays */
	int64_t leave_ms;      /* when it waits no longer for what is under way; CLOCK_MONOTONIC */
	uint64_t backlog_lost; /* records that found no room in what the one before left */
	struct blind *blind;
	struct unseen *unseen;
	struct peers *peers;
	struct rates *rates;
	struct series *series;
	struct privacy *privacy;
	enum live_clocks clocks;
	char no_clocks[WIRE_TEXT_MAX]; /* why they do not run, or see no dependencies; "": they do
					*/
	struct traces *traces;         /* NULL: there are none */
	struct live *live;             /* NULL: nothing of that is wanted */
	struct pipeline *pipeline;
	char instance_id[INSTANCE_ID_LEN + 1];
	struct exporter *exporter;
	struct page_options control; /* the socket of the commands ... */
	char *control_path;
	struct page *page;   /* ... is served in this loop */
	struct local *local; /* NULL: `listen` is none */

	struct event_base *base;
	struct event *events[16];
	size_t events_len;

	bool in_terminal; /* it was started in one */
	bool withdrawn;   /* consent was: nothing more is sent */
	struct reload *reload;
	struct event *export_event; /* every config->export_interval_ms */
	unsigned looks;             /* ticks that still bring the page new figures */
	uint64_t messages;          /* read when the ring was last looked into */
	uint64_t read_ns;           /* all that was seen by then is read: CLOCK_MONOTONIC */
	struct pace drain;          /* one of events: how often the ring is looked into */
	struct health *health;
	struct quiet quiet;
	struct cost cost;
	int64_t clock_offset; /* when the ring was last read */
	struct turns turns;
};

/*
 * Everything that is there before the first record is read, what can be found wrong at once first:
 * the probe half loads its programs when this half is there, which takes seconds. 0 or -errno,
 * which has been logged but for -ENOMEM. What was built, daemon_close takes down, also after a
 * failure.
 */
int daemon_open(struct daemon *d);
void daemon_close(struct daemon *d);
/* Starts the exporter of D->config, which goes on with the counts of BEFORE (BEFORE_LEN, 0: none).
 * Without an endpoint there is none. 0 or -errno, which has been logged. */
int daemon_open_exporter(struct daemon *d, const struct export_status *before, size_t before_len);

#endif
