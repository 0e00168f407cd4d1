/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pace.h"

#include <sys/time.h>

#include <event2/event.h>

void pace_set(struct pace *p, unsigned ms)
{
	const struct timeval interval = {.tv_usec = ms * 1000L};

	if (ms == p->ms)
		return;
	if (ms ? event_add(p->event, &interval) : event_del(p->event))
		return;
	p->ms = ms;
}
