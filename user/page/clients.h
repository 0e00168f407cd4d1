/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clients.h - which clients are connected, and how long each takes for a request.
 *
 * microhttpd closes a connection on which nothing moves. A client that sends a byte now and then
 * keeps its connection for ever, and a few such clients would keep everybody else out; so would
 * many that send nothing, since no more than PAGE_CLIENTS_MAX are served at a time. So each has a
 * limited time for a request, and when few places are left, who has most connections loses one.
 * This is a bounded table with one slot for each accepted connection.
 */
#ifndef TELLTALE_PAGE_CLIENTS_H
#define TELLTALE_PAGE_CLIENTS_H

#include <stdbool.h>
#include <stdint.h>

#include <microhttpd.h>

#define PAGE_CLIENTS_MAX     32u
#define PAGE_CLIENTS_RESERVE 8u /* places that are kept free for new clients */

struct page_client {
	int fd;
	int64_t since_ms; /* CLOCK_MONOTONIC; when it connected, or its last answer ended; 0: free
			   */
	uint64_t who;     /* the user at the other end of a Unix socket, or a hash of the address */
	bool going;       /* its socket is shut down; microhttpd has not closed it yet */
};

struct page_clients {
	struct page_client slots[PAGE_CLIENTS_MAX];
};

/* For MHD_OPTION_NOTIFY_CONNECTION and MHD_OPTION_NOTIFY_COMPLETED, with the table as context. */
void page_clients_notify(void *clients, struct MHD_Connection *connection, void **slot,
			 enum MHD_ConnectionNotificationCode what);
void page_clients_answered(void *clients, struct MHD_Connection *connection, void **state,
			   enum MHD_RequestTerminationCode how);
/* Keeps PAGE_CLIENTS_RESERVE places free: shuts down the sockets of clients above that. First comes
 * who has most connections; of these, one that has sent nothing, and then the oldest. Returns
 * whether there were any. */
bool page_clients_make_room(struct page_clients *c);
/* Shuts down the socket of every client that has taken longer than PATIENCE_MS for its request. */
void page_clients_hurry(struct page_clients *c, int64_t patience_ms);

#endif
