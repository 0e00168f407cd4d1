/* SPDX-License-Identifier: Apache-2.0 */
/* setters.h - functions that set one value each, for the tables of keys. */
#ifndef TELLTALE_CONFIG_SETTERS_H
#define TELLTALE_CONFIG_SETTERS_H

#include "config/walk.h"

/* In this order, FIELD is a bool, char *, char * (absolute path), uint32_t (ms, within the key's
 * limits), uint64_t (within the key's limits), struct asset, enum network. */
walk_set walk_set_flag, walk_set_text, walk_set_path, walk_set_duration, walk_set_number,
	walk_set_asset, walk_set_network;

#endif
