/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clients.h - who is connected, and for how long with one request.
 *
 * microhttpd closes a connection on which nothing moves; one on which a byte moves now and then it
 * keeps for ever, and some of these would keep everybody else out. A bounded table: one slot for
 * each connection that is let in.
 */
#ifndef TELLTALE_PAGE_CLIENTS_H
#define TELLTALE_PAGE_CLIENTS_H

#include <stdbool.h>
#include <stdint.h>

#include <microhttpd.h>

#define PAGE_CLIENTS_MAX 32u

struct page_client {
	int fd;
	int64_t since_ms; /* CLOCK_MONOTONIC; when it connected, or its last answer ended; 0: free
			   */
};

struct page_clients {
	struct page_client slots[PAGE_CLIENTS_MAX];
};

/* For MHD_OPTION_NOTIFY_CONNECTION and MHD_OPTION_NOTIFY_COMPLETED, with the table as context. */
void page_clients_notify(void *clients, struct MHD_Connection *connection, void **slot,
			 enum MHD_ConnectionNotificationCode what);
void page_clients_answered(void *clients, struct MHD_Connection *connection, void **state,
			   enum MHD_RequestTerminationCode how);
/* Shuts down the sockets of whoever has taken longer than PATIENCE_MS for a request. */
void page_clients_hurry(struct page_clients *c, int64_t patience_ms);

#endif
