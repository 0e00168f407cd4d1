/* SPDX-License-Identifier: Apache-2.0 */
#include "page/clients.h"

#include <sys/socket.h>

#include "base/clock.h"

/* Never 0, which marks a free slot. */
static int64_t now_ms(void)
{
	return 1 + clock_mono_ms();
}

void page_clients_notify(void *clients, struct MHD_Connection *connection, void **slot,
			 enum MHD_ConnectionNotificationCode what)
{
	struct page_clients *c = clients;
	struct page_client *client = *slot;

	if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (client)
			client->since_ms = 0;
		return;
	}
	for (unsigned i = 0; i < PAGE_CLIENTS_MAX; i++) {
		client = &c->slots[i];
		if (client->since_ms)
			continue;
		client->since_ms = now_ms();
		client->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)
				     ->connect_fd;
		*slot = client;
		return;
	}
}

void page_clients_answered(void *clients, struct MHD_Connection *connection, void **state,
			   enum MHD_RequestTerminationCode how)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct page_client *client = info ? info->socket_context : NULL;

	(void)clients;
	(void)state;
	(void)how;
	if (client && client->since_ms)
		client->since_ms = now_ms();
}

void page_clients_hurry(struct page_clients *c, int64_t patience_ms)
{
	int64_t now = now_ms();

	for (unsigned i = 0; i < PAGE_CLIENTS_MAX; i++) {
		struct page_client *client = &c->slots[i];

		/* microhttpd notices the shutdown and closes the connection, now or the next time
		 * it runs. */
		if (client->since_ms && now - client->since_ms > patience_ms)
			shutdown(client->fd, SHUT_RDWR);
	}
}
