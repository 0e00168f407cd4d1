/* SPDX-License-Identifier: Apache-2.0 */
/* peers.h - how each peer does, and where a packet's time goes, on the screen of `telltale top`. */
#ifndef TELLTALE_TOP_PEERS_H
#define TELLTALE_TOP_PEERS_H

#include <json-c/json.h>

#include "top/data.h"

/* Fills the peers and columns of D from STATUS, as page/peers.h has them. */
void top_peers_read(struct json_object *status, struct top_data *d);

/* Draws them from LINE on, in ROOM lines. VIEW: the network's has none of it. */
void top_peers_put(int line, int room, const struct top_data *d, enum history_view view);

#endif
