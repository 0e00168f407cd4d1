/* SPDX-License-Identifier: Apache-2.0 */
/* networks.h - testnet and livenet are kept apart. */
#ifndef TELLTALE_CONFIG_NETWORKS_H
#define TELLTALE_CONFIG_NETWORKS_H

#include "config/internal.h"

/* Reports what belongs to the other network than the node's, once all is read. */
void config_check_networks(struct config_loader *l);

#endif
