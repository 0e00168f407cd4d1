/* SPDX-License-Identifier: Apache-2.0 */
#include "top/peers.h"

#include <stdio.h>
#include <string.h>

#include <ncurses.h>

#include "top/format.h"
#include "top/lines.h"

/* Where the columns end on a screen of 80 columns. A wider screen widens the name. */
enum { NAME = 1, RIGHT_PACKETS = 40, RIGHT_SHARE = 47 };
enum { RIGHT_PEER_HALF = 55, RIGHT_PEER_MOST = 63, RIGHT_HOLD_HALF = 71, RIGHT_HOLD_MOST = 79 };

/* --- reading ---------------------------------------------------------------------------------- */

static struct json_object *at(struct json_object *o, const char *key)
{
	struct json_object *value = NULL;

	return o && json_object_object_get_ex(o, key, &value) ? value : NULL;
}

static void read_text(struct json_object *o, const char *key, char *out, size_t len)
{
	const char *value = json_object_get_string(at(o, key));

	snprintf(out, len, "%s", value ? value : "");
}

static struct top_times read_times(struct json_object *o)
{
	return (struct top_times){
		.known = json_object_get_int64(at(o, "count")) > 0,
		.median_ms = json_object_get_double(at(o, "median_ms")),
		.p95_ms = json_object_get_double(at(o, "p95_ms")),
	};
}

static size_t length(struct json_object *list)
{
	return json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
}

void top_peers_read(struct json_object *status, struct top_data *d)
{
	struct json_object *list = at(status, "peers"), *columns = at(status, "columns");

	d->clocks = (int)json_object_get_int64(at(columns, "clocks"));
	d->split = json_object_get_int64(at(columns, "split"));
	for (size_t i = 0; i < length(list) && i < TOP_PEERS_MAX; i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		struct top_peer *p = &d->peers[d->peers_len++];

		read_text(o, "name", p->name, sizeof(p->name));
		p->exchanges = json_object_get_int64(at(o, "exchanges"));
		p->fulfilled = json_object_get_int64(at(o, "fulfilled"));
		p->peer = read_times(at(o, "peer"));
		p->hold = read_times(at(o, "hold"));
	}
	list = at(columns, "list");
	for (size_t i = 0; i < length(list) && i < TOP_COLUMNS_MAX; i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		struct top_column *c = &d->columns[d->columns_len++];

		read_text(o, "name", c->name, sizeof(c->name));
		for (char *space = c->name; (space = strchr(space, '_'));)
			*space = ' ';
		c->mean_ms = json_object_get_double(at(o, "mean_ms"));
	}
}

/* --- drawing ---------------------------------------------------------------------------------- */

static void put_head(int line, int more)
{
	static const struct {
		int right;
		const char *name;
	} heads[] = {
		{RIGHT_PACKETS, "Packets"}, {RIGHT_SHARE, "Ful."},     {RIGHT_PEER_HALF, "Peer"},
		{RIGHT_PEER_MOST, "95 %"},  {RIGHT_HOLD_HALF, "Held"}, {RIGHT_HOLD_MOST, "95 %"},
	};

	top_put(line, NAME, top_colour(SOFT), "Peers, since the start");
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
		top_put_right(line, heads[i].right + more, top_colour(SOFT), heads[i].name);
}

static void put_times(int line, int half, int most, const struct top_times *t)
{
	char text[32];

	top_put_right(line, half, A_BOLD,
		      t->known ? top_ms(t->median_ms, text, sizeof(text)) : "-");
	top_put_right(line, most, 0, t->known ? top_ms(t->p95_ms, text, sizeof(text)) : "-");
}

static void put_peer(int line, int more, const struct top_peer *p)
{
	double percent = p->exchanges ? 100.0 * (double)p->fulfilled / (double)p->exchanges : 0;
	char text[32];

	top_put_within(line, NAME, RIGHT_PACKETS - NAME - 10 + more, 0, p->name);
	top_put_right(line, RIGHT_PACKETS + more, A_BOLD,
		      top_figure_within((double)p->exchanges, 0, "", 0, "", 9, text, sizeof(text)));
	snprintf(text, sizeof(text), "%.0f %%", percent);
	top_put_right(line, RIGHT_SHARE + more, 0, text);
	put_times(line, RIGHT_PEER_HALF + more, RIGHT_PEER_MOST + more, &p->peer);
	put_times(line, RIGHT_HOLD_HALF + more, RIGHT_HOLD_MOST + more, &p->hold);
}

/* How many lines the columns take. */
static int columns_lines(const struct top_data *d)
{
	return 2 + (int)d->columns_len;
}

static void put_columns(int line, const struct top_data *d)
{
	char text[32];

	if (d->clocks < 0)
		top_put(line, NAME, 0, "Columns: - (the kernel refuses the clocks; see the log)");
	else if (!d->clocks)
		top_put(line, NAME, 0,
			"Columns: - (`profile: {columns: true}` shows where a "
			"packet's time goes)");
	else if (!d->columns_len)
		top_put(line, NAME, 0, "Columns: - (no packet was alone in its process yet)");
	else
		top_put(line, NAME, top_colour(SOFT),
			"A packet's time since the start, the mean of the %s alone in their "
			"process",
			top_whole(d->split, text, sizeof(text)));
	for (size_t i = 0; i < d->columns_len; i++) {
		snprintf(text, sizeof(text), "%.3f ms", d->columns[i].mean_ms);
		top_put(line + 1 + (int)i, NAME + 2, 0, "%s", d->columns[i].name);
		top_put_right(line + 1 + (int)i, RIGHT_PACKETS, A_BOLD, text);
	}
}

void top_peers_put(int line, int room, const struct top_data *d, enum history_view view)
{
	int more = COLS > 80 ? COLS - 80 : 0, end = line + room;
	size_t i = 0;

	if (view == HISTORY_NETWORK) {
		top_put(line, NAME, 0, "Peers: not told to the network; v shows the exact figures");
		return;
	}
	put_head(line++, more);
	if (!d->peers_len)
		top_put(line++, NAME, 0, "no packet has gone to a peer yet");
	/* Three peers at least; then the columns; the last line says what is left out. */
	for (; i < d->peers_len && line + 1 < end; i++) {
		if (i >= 3 && line + 1 + columns_lines(d) >= end)
			break;
		put_peer(line++, more, &d->peers[i]);
	}
	if (i < d->peers_len && line < end)
		top_put(line++, NAME, 0, "and %zu more: a taller window, or the page, shows them",
			d->peers_len - i);
	if (line + columns_lines(d) <= end)
		put_columns(line + 1, d);
}
