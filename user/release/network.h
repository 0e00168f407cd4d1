/* SPDX-License-Identifier: Apache-2.0 */
/* network.h - the two networks. They are separate services: figures of one never go to the
 * other. */
#ifndef TELLTALE_NETWORK_H
#define TELLTALE_NETWORK_H

enum network { NETWORK_TESTNET, NETWORK_LIVENET };

static inline const char *network_text(enum network network)
{
	return network == NETWORK_LIVENET ? "livenet" : "testnet";
}

#endif
