/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signals.h - signals that come while no event loop takes them. They wait for it: by default each
 * of them would end the process, and nothing would be said, saved or handed over.
 */
#ifndef TELLTALE_SIGNALS_H
#define TELLTALE_SIGNALS_H

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>

/*
 * From the start on, until signals_take: SIGHUP waits. A service manager sends it for a reload as
 * soon as the program has begun, and twice for one. Not in a terminal, which sends it when it is
 * closed: what waits for something there is to end.
 */
void signals_hold_reload(void);
/* SIGHUP, SIGINT and SIGTERM wait: until signals_take, or until the process has ended. */
void signals_hold(void);
/* Does a SIGHUP wait? Then the configuration may be another one than was read at the start. */
bool signals_reload_waits(void);
/* The loop has handlers for them. Those that have waited are delivered before this returns. */
void signals_take(void);
/* The calling thread's mask without SIGINT, SIGTERM and, in a terminal, SIGHUP, for ppoll(2): these
 * end the process while it has nothing in hand and waits for something that may never come. */
sigset_t signals_while_waiting(void);
/* Starts BODY(ARG) in a thread that takes no signal: they are the event loop's, whoever holds them.
 * 0 or -errno. */
int signals_thread(pthread_t *thread, void *(*body)(void *), void *arg);

#endif
