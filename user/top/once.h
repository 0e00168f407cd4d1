/* SPDX-License-Identifier: Apache-2.0 */
/* once.h - what `telltale top --once` prints: the figures as lines of text. */
#ifndef TELLTALE_TOP_ONCE_H
#define TELLTALE_TOP_ONCE_H

#include "top/data.h"

/* Prints how each part does, and a line for each window, to standard output. */
void top_once_print(const struct top_data *d);

#endif
