/* SPDX-License-Identifier: Apache-2.0 */
/*
 * profile_session.h - a session of `telltale profile`: attaches to the targets with a probe of its
 * own, looks on for a while, and hands over what it saw.
 *
 * It may run beside a daemon that watches the same targets. It takes the cgroups that are there
 * when it begins.
 */
#ifndef TELLTALE_PROFILE_SESSION_H
#define TELLTALE_PROFILE_SESSION_H

#include <signal.h>
#include <stdint.h>

#include "config/config.h"
#include "profile/hops.h"
#include "profile/hot.h"
#include "profile/stacks.h"
#include "profile/tape.h"
#include "tap/timing.h"

struct session;

/* 0 or -errno, logged but for -ENOMEM. DEPENDENCIES are seen; HZ is how often stacks
 * are taken in a second of CPU time, 0: not at all. CONFIG is borrowed. */
int session_open(const struct config *config, const struct dependencies *dependencies, unsigned hz,
		 struct session **out);
void session_close(struct session *s); /* detaches; accepts NULL */

/* Looks on for FOR_NS, or until *ENDED, or until its memory is used up. */
void session_run(struct session *s, uint64_t for_ns, const volatile sig_atomic_t *ended);

/* What was seen, after session_run; it lives as long as the session. */
struct hops *session_hops(struct session *s);
const struct tape *session_tape(const struct session *s);
/* For how long it looked on, in ns, and when it ended (CLOCK_MONOTONIC). */
uint64_t session_ns(const struct session *s);
uint64_t session_end_ns(const struct session *s);
/* NULL, or why there are no clocks, why no dependencies, and why it ended early. */
const char *session_no_clock(const struct session *s);
const char *session_no_dependencies(const struct session *s);
const char *session_shortened(const struct session *s);
/* NULL: none were taken. */
const struct stacks *session_stacks(const struct session *s);
/* What is known of how they were taken; HELD is not set. */
struct hot session_hot(const struct session *s);
/* "host/path" of an endpoint as Prepares name it, fit for a terminal; NULL: not known. CONTEXT is
 * the session. */
const char *session_endpoint(void *context, uint64_t endpoint);

#endif
