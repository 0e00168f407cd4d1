/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reload.h - takes a new configuration while the daemon runs (SIGHUP).
 *
 * The new configuration is checked first, its certificates too. After an error, or when it changes
 * what only a restart can change, everything stays as it was and the log says why. Else peers,
 * default_asset and rates are taken at once, without a gap: what was seen stays, and old rates are
 * used until the new ones have come. The exporter sends what was counted so far to the endpoints of
 * before, in a thread of its own, and one for the new endpoints goes on after that. Nothing of it
 * touches the ring or the programs, so no exchange is lost.
 *
 * Targets are the probe half's. Where that is a service it takes others by itself, and what stays
 * is attached all the time; then this half leaves, and another begins (leave.h).
 *
 * Only a restart changes other targets of `telltale run`, privacy, payments, the network, the
 * page's address, directories and sizes: the programs, the open sums and the sockets depend on
 * them.
 */
#ifndef TELLTALE_DAEMON_RELOAD_H
#define TELLTALE_DAEMON_RELOAD_H

#include <stdbool.h>

struct daemon;
struct config;
struct reload;

/* D is borrowed, and must outlive it. NULL when memory is short. */
struct reload *reload_new(struct daemon *d);
/* Reads the configuration and takes it. False: it takes back its consent, and the daemon has to
 * stop. */
bool reload_begin(struct reload *r);
/* Called about once a second: goes on when the exporter of before has ended. */
void reload_tick(struct reload *r);
/* Ends a reload that is under way, at shutdown: waits for the exporter of before, so that the last
 * figures have one to go to. */
void reload_finish(struct reload *r);
void reload_free(struct reload *r); /* with the configuration in use; accepts NULL */

/* The key that differs in OLD and NEW and that only a restart can change; NULL: none. */
const char *reload_needs_restart(const struct config *old, const struct config *new);

#endif
