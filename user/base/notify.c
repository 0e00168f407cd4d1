/* SPDX-License-Identifier: Apache-2.0 */
#include "base/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

/* The protocol is documented in sd_notify(3). libsystemd, which has it too, would be loaded with
 * its compressors for this one function. */
bool notify_find(struct notify_address *a)
{
	const char *path = getenv("NOTIFY_SOCKET");
	size_t len = path ? strlen(path) : 0;

	if (!len || len >= sizeof(a->to.sun_path))
		return false;
	memset(a, 0, sizeof(*a));
	a->to.sun_family = AF_UNIX;
	memcpy(a->to.sun_path, path, len);
	if (a->to.sun_path[0] == '@') /* a name without a file */
		a->to.sun_path[0] = '\0';
	a->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	return true;
}

static void send_state(const char *state)
{
	struct notify_address a;
	int fd;

	if (!notify_find(&a))
		return;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT,
			     (struct sockaddr *)&a.to, a.len) < 0)
		log_debug("run", "the service manager cannot be notified: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
}

void notify_ready(void)
{
	send_state("READY=1");
}

void notify_reloading(void)
{
	char state[64];

	snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
		 clock_mono_ns() / 1000);
	send_state(state);
}

void notify_starting(void)
{
	send_state("EXTEND_TIMEOUT_USEC=60000000");
}

void notify_stopping(void)
{
	send_state("STOPPING=1");
}

void notify_alive(void)
{
	if (getenv("WATCHDOG_USEC"))
		send_state("WATCHDOG=1");
}
