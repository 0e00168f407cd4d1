/* SPDX-License-Identifier: Apache-2.0 */
/*
 * released_new.h - how privacy makes a snapshot; nobody else includes this.
 */
#ifndef TELLTALE_RELEASED_NEW_H
#define TELLTALE_RELEASED_NEW_H

#include "release/released.h"

/*
 * A snapshot with POINTS_LEN zeroed points and room for TEXT_LEN bytes of strings at *TEXT, all one
 * allocation with one reference. NULL when memory is short.
 */
struct released *released_new(size_t points_len, size_t text_len, char **text);

#endif
