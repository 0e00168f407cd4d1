/* SPDX-License-Identifier: Apache-2.0 */
/*
 * released_new.h - makes a snapshot. Only privacy may include this.
 */
#ifndef TELLTALE_RELEASED_NEW_H
#define TELLTALE_RELEASED_NEW_H

#include "release/released.h"

/*
 * Returns a snapshot with POINTS_LEN zeroed points and, at *TEXT, room for TEXT_LEN bytes of
 * strings. It is one allocation and has one reference. NULL when memory is short.
 */
struct released *released_new(size_t points_len, size_t text_len, char **text);

#endif
