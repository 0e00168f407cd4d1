/* SPDX-License-Identifier: Apache-2.0 */
/* lists.h - the lists of the configuration file: targets, peers, endpoints, attributes. */
#ifndef TELLTALE_CONFIG_LISTS_H
#define TELLTALE_CONFIG_LISTS_H

#include "config/walk.h"

/* FIELD is the struct config. */
walk_set config_set_targets, config_set_peers, config_set_default_asset, config_set_endpoints,
	config_set_resource;

#endif
