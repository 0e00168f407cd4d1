/* SPDX-License-Identifier: Apache-2.0 */
#include "page/clients.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/clock.h"

/* Never 0, which marks a free slot. */
static int64_t now_ms(void)
{
	return 1 + clock_mono_ms();
}

/* Who is at the other end of FD. A user of this host counts as one, and so does an address; of IPv6
 * the first half, which is what a host is given. */
static uint64_t who_is(int fd)
{
	struct sockaddr_storage a = {0};
	socklen_t len = sizeof(a), cred_len = sizeof(struct ucred);
	struct ucred cred = {0};
	uint64_t half = 0;

	if (getpeername(fd, (struct sockaddr *)&a, &len))
		return 0;
	if (a.ss_family == AF_INET)
		return ((struct sockaddr_in *)&a)->sin_addr.s_addr;
	if (a.ss_family == AF_INET6)
		memcpy(&half, &((struct sockaddr_in6 *)&a)->sin6_addr, sizeof(half));
	else if (!getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &cred_len))
		half = cred.uid;
	return half;
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
		*client = (struct page_client){.since_ms = now_ms()};
		client->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)
				     ->connect_fd;
		client->who = who_is(client->fd);
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

/* --- room for others ---------------------------------------------------------------------------
 */

static unsigned connections_of(const struct page_clients *c, uint64_t who)
{
	unsigned n = 0;

	for (unsigned i = 0; i < PAGE_CLIENTS_MAX; i++)
		n += c->slots[i].since_ms && !c->slots[i].going && c->slots[i].who == who;
	return n;
}

static bool has_sent(const struct page_client *client)
{
	int bytes = 0;

	return ioctl(client->fd, FIONREAD, &bytes) || bytes > 0;
}

/* Whether A goes before B, when N_A and N_B are how many connections the two have. */
static bool goes_before(const struct page_client *a, unsigned n_a, const struct page_client *b,
			unsigned n_b)
{
	bool sent_a, sent_b;

	if (n_a != n_b)
		return n_a > n_b;
	sent_a = has_sent(a);
	sent_b = has_sent(b);
	return sent_a != sent_b ? sent_b : a->since_ms < b->since_ms;
}

static struct page_client *who_goes(struct page_clients *c)
{
	struct page_client *goes = NULL;
	unsigned most = 0;

	for (unsigned i = 0; i < PAGE_CLIENTS_MAX; i++) {
		struct page_client *client = &c->slots[i];
		unsigned n;

		if (!client->since_ms || client->going)
			continue;
		n = connections_of(c, client->who);
		if (goes && !goes_before(client, n, goes, most))
			continue;
		goes = client;
		most = n;
	}
	return goes;
}

bool page_clients_make_room(struct page_clients *c)
{
	unsigned used = 0;
	bool any = false;

	for (unsigned i = 0; i < PAGE_CLIENTS_MAX; i++)
		used += c->slots[i].since_ms && !c->slots[i].going;
	for (; used > PAGE_CLIENTS_MAX - PAGE_CLIENTS_RESERVE; used--) {
		struct page_client *client = who_goes(c);

		client->going = any = true;
		shutdown(client->fd, SHUT_RDWR);
	}
	return any;
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
