/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clients.h - which clients are connected, and how long each takes for a request.
 *
 * microhttpd closes a connection on which nothing moves. A client that sends a byte now and then
 * keeps its connection for ever, and a few such clients would keep everybody else out. This is a
 * bounded table with one slot for each accepted connection.
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
/* Shuts down the socket of every client that has taken longer than PATIENCE_MS for its request. */
void page_clients_hurry(struct page_clients *c, int64_t patience_ms);

#endif
