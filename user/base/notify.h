/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notify.h - notifies the service manager how the daemon is (sd_notify(3)): one datagram to the
 * socket that NOTIFY_SOCKET names. Without that variable, as in a terminal, these do nothing.
 */
#ifndef TELLTALE_NOTIFY_H
#define TELLTALE_NOTIFY_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Where the service manager listens. False: there is none. */
struct notify_address {
	struct sockaddr_un to;
	socklen_t len;
};
bool notify_find(struct notify_address *a);

/* It does what it is for; also after a reload. */
void notify_ready(void);
/* It reads its configuration again; notify_ready follows, whether that worked or not. */
void notify_reloading(void);
/* Starting takes longer: not to be given up for another minute. */
void notify_starting(void);
void notify_stopping(void);
/* It is alive: called once a second from the event loop. Does nothing when the manager does not
 * watch this process (WATCHDOG_USEC). */
void notify_alive(void);

#endif
