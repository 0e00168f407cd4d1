/* SPDX-License-Identifier: Apache-2.0 */
/* peer.h - what the operator says of a peer: where it is, and which asset its packets are in. */
#ifndef TELLTALE_PEER_H
#define TELLTALE_PEER_H

#include <stdbool.h>
#include <stdint.h>

#include "rates/asset.h"

struct peer {
	char *name;     /* for people; may be NULL */
	char *endpoint; /* host[:port]/path, as url_normalise gives it */
	bool has_token;
	uint64_t token; /* fingerprint */
	struct asset asset;
};

#endif
