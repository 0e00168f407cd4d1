/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peers.h - which asset an endpoint's packets are in, and the endpoints that were seen.
 *
 * A peer is an endpoint (Host and path as they stand in requests) and, where one endpoint serves
 * several assets, a bearer token, known here only by its fingerprint: SipHash-2-4 of the token's
 * first RECORD_TOKEN_MAX bytes under the host key, as 16 hexadecimal digits. Lookup goes from the
 * exact (endpoint, token) to the endpoint alone to the default asset. For incoming exchanges the
 * Host is the target's own, so a token alone identifies the peer.
 */
#ifndef TELLTALE_PEERS_H
#define TELLTALE_PEERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../bpf/record.h"
#include "exchange.h"

struct config;
struct peers;

/* One endpoint seen, for `telltale peers`. */
struct peer_seen {
	uint64_t endpoint, token;
	enum record_role role; /* the target's role there */
	char host[RECORD_HOST_MAX + 1];
	char path[RECORD_PATH_MAX + 1];
	bool attributed;
	struct asset asset; /* when attributed */
};

/* CONFIG's peers and default asset are copied. At most CAPACITY endpoints seen are kept. */
struct peers *peers_new(const struct config *config, size_t capacity);
void peers_free(struct peers *p);
/* First sight of an endpoint: its text is normalised (lower-case host, default port dropped)
 * and held against the configured peers. */
void peers_endpoint(struct peers *p, const struct record_endpoint *record);
/* Fills e->asset; false when nothing configured says it (counted by the caller). */
bool peers_attribute(struct peers *p, struct exchange *e);
size_t peers_seen(const struct peers *p, struct peer_seen *out, size_t max);

#endif
