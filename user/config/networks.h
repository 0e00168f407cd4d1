/* SPDX-License-Identifier: Apache-2.0 */
/* networks.h - keeps testnet and livenet apart. */
#ifndef TELLTALE_CONFIG_NETWORKS_H
#define TELLTALE_CONFIG_NETWORKS_H

#include "config/internal.h"

/* Reports settings that belong to the other network than the node's. Called when all is read. */
void config_check_networks(struct config_loader *l);

#endif
