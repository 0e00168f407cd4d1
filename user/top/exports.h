/* SPDX-License-Identifier: Apache-2.0 */
/* exports.h - the state of each endpoint, on the screen of `telltale top`. */
#ifndef TELLTALE_TOP_EXPORTS_H
#define TELLTALE_TOP_EXPORTS_H

#include "top/data.h"

/* How many lines the endpoints take: an endpoint that fails has a second line for the error. */
int top_exports_lines(const struct top_data *d);
/* Draws them from LINE on, in ROOM lines at most. */
void top_exports_put(int line, int room, const struct top_data *d);

#endif
