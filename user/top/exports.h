/* SPDX-License-Identifier: Apache-2.0 */
/* exports.h - how each endpoint does, on the screen of `telltale top`. */
#ifndef TELLTALE_TOP_EXPORTS_H
#define TELLTALE_TOP_EXPORTS_H

#include "top/data.h"

/* How many lines they take: what went wrong stands under its endpoint. */
int top_exports_lines(const struct top_data *d);
/* From LINE on, in ROOM lines at most. */
void top_exports_put(int line, int room, const struct top_data *d);

#endif
