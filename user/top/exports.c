/* SPDX-License-Identifier: Apache-2.0 */
#include "top/exports.h"

#include <stdio.h>
#include <string.h>

#include <ncurses.h>

#include "top/format.h"
#include "top/lines.h"

/* Where the columns begin or end on a screen of 80 columns. A wider screen widens the first one. */
enum { URL = 11, RIGHT_SENT = 55, RIGHT_LAST = 63, RIGHT_TOOK = 71, RIGHT_BYTES = 79 };

int top_exports_lines(const struct top_data *d)
{
	int lines = 1;

	for (size_t i = 0; i < d->endpoints_len; i++)
		lines += 1 + (d->endpoints[i].consecutive_failures > 0);
	return lines;
}

static void put_endpoint(int line, const struct top_data *d, const struct top_endpoint *e)
{
	int more = COLS > 80 ? COLS - 80 : 0, room = RIGHT_TOOK - URL + more;
	char text[48];

	top_put(line, 1, 0, "%s", e->network ? "network" : "own");
	top_put_right(line, RIGHT_BYTES + more, 0, top_bytes(e->bytes, text, sizeof(text)));
	if (e->consecutive_failures) {
		snprintf(text, sizeof(text), "failed %lld in a row",
			 (long long)e->consecutive_failures);
		top_put_within(line, URL, room - (int)strlen(text) - 1, 0, e->url);
		top_put_right(line, RIGHT_TOOK + more, A_BOLD | top_colour(BAD), text);
		top_put(line + 1, URL, top_colour(BAD), "%s", e->last_error);
		return;
	}
	if (!e->last_success_s) {
		top_put_within(line, URL, room - 21, 0, e->url);
		top_put_right(line, RIGHT_TOOK + more, top_colour(WARN), "nothing accepted yet");
		return;
	}
	top_put_within(line, URL, RIGHT_SENT - URL + more - 10, 0, e->url);
	top_put_right(line, RIGHT_SENT + more, top_colour(GOOD),
		      top_whole(e->exports, text, sizeof(text)));
	top_duration((d->time_s > e->last_success_s ? d->time_s - e->last_success_s : 0) * 1000,
		     text, sizeof(text));
	top_put_right(line, RIGHT_LAST + more, top_colour(GOOD), text);
	top_put_right(line, RIGHT_TOOK + more, 0, top_ms(e->latency_ms, text, sizeof(text)));
}

static void put_head(int line, const struct top_data *d)
{
	int more = COLS > 80 ? COLS - 80 : 0;

	top_put(line, 1, top_colour(SOFT), "Exports");
	if (!d->endpoints_len) {
		top_put(line, URL, 0, "no collector is configured: nothing leaves this host");
		return;
	}
	top_put(line, URL, top_colour(SOFT), "to");
	top_put_right(line, RIGHT_SENT + more, top_colour(SOFT), "Delivered");
	top_put_right(line, RIGHT_LAST + more, top_colour(SOFT), "Last");
	top_put_right(line, RIGHT_TOOK + more, top_colour(SOFT), "Took");
	top_put_right(line, RIGHT_BYTES + more, top_colour(SOFT), "Bytes");
}

void top_exports_put(int line, int room, const struct top_data *d)
{
	size_t i = 0;

	put_head(line++, d);
	for (room--; i < d->endpoints_len; i++) {
		int lines = 1 + (d->endpoints[i].consecutive_failures > 0);

		/* The last line says what is left out. */
		if (lines + (i + 1 < d->endpoints_len) > room)
			break;
		put_endpoint(line, d, &d->endpoints[i]);
		line += lines;
		room -= lines;
	}
	if (i < d->endpoints_len && room > 0)
		top_put(line, 11, 0, "and %zu more: a taller window shows them",
			d->endpoints_len - i);
}
