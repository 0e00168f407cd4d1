/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peers.h - which asset an endpoint's packets are in, and the endpoints that were seen.
 *
 * A peer is an endpoint (Host and path as they stand in requests) and, where one endpoint serves
 * several assets, a bearer token, known here only by its fingerprint: SipHash-2-4 of the token's
 * first RECORD_TOKEN_MAX bytes under the host key, as 16 hexadecimal digits.
 *
 * Lookup goes from the exact (endpoint, token) to the endpoint alone to the token alone to the
 * default asset. "The endpoint alone" is a peer configured without token: a token that no peer of
 * the endpoint has is never taken for one of theirs. "The token alone" is for exchanges whose
 * endpoint is not known (its record was lost, or the Host differs from the configured one), and
 * for incoming ones, where the Host is the target's own and the token names the peer: there it goes
 * before the endpoint alone. It holds when all peers configured with the token have one asset. An
 * endpoint matches exactly: one configured without a path is the path "/", not any path on that
 * host.
 *
 * Endpoints seen, and tokens seen at them, are kept in two tables of the same capacity. When the
 * first is full, an endpoint that no configured peer has makes room; when there is none such near,
 * the new one is not kept. When the second is full, the oldest makes room. Both are counted.
 */
#ifndef TELLTALE_PEERS_H
#define TELLTALE_PEERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/record.h"
#include "rates/asset.h"
#include "exchange/exchange.h"
#include "exchange/peer.h"

struct peers;

/* What an attribution rests on. */
enum peers_by {
	PEERS_BY_NOTHING = 0,
	PEERS_BY_BOTH, /* endpoint and token */
	PEERS_BY_ENDPOINT,
	PEERS_BY_TOKEN,
	PEERS_BY_DEFAULT, /* default_asset */
};

/* One endpoint seen with one token (or none), for `telltale peers`. */
struct peer_seen {
	uint64_t endpoint, token;
	enum record_role role; /* the target's role there */
	char host[RECORD_HOST_MAX + 1];
	char path[RECORD_PATH_MAX + 1];
	bool attributed;
	struct asset asset; /* when attributed */
	enum peers_by by;
};

/* LIST and DEFAULT_ASSET (NULL: none) are copied. At most CAPACITY endpoints seen are kept. NULL
 * when memory is short. */
struct peers *peers_new(const struct peer *list, size_t list_len, const struct asset *default_asset,
			size_t capacity);
void peers_free(struct peers *p);
/* Takes LIST and DEFAULT_ASSET from now on. What was seen stays, and is held against the new list.
 * 0 or -ENOMEM: nothing has changed. */
int peers_change(struct peers *p, const struct peer *list, size_t list_len,
		 const struct asset *default_asset);
/* First sight of an endpoint: its text is normalised as the configured ones are (lower-case host,
 * default port dropped) and held against them. It may come again. */
void peers_endpoint(struct peers *p, const struct record_endpoint *record);
/* Fills e->asset; false when nothing configured says it (counted by the caller). Constant time. */
bool peers_attribute(struct peers *p, struct exchange *e);
/* Writes "host/path" of an endpoint that was seen to TEXT, of LEN bytes, cut where it is longer.
 * False: it was not seen, or made room. */
bool peers_text(const struct peers *p, uint64_t endpoint, char *text, size_t len);
/* In the order of first sight, as long as nothing made room. */
size_t peers_seen(const struct peers *p, struct peer_seen *out, size_t max);
/* Endpoints and tokens that found no room or made it. */
uint64_t peers_evicted(const struct peers *p);

/*
 * What was seen, as the daemon answers GET /peers: {"peers": [{"role": "client", "endpoint":
 * "host/path", "token": "16 digits" or null, "asset": {"code", "scale"} or null, "by": "endpoint
 * and token", "endpoint", "token", "default" or null}]}. malloc'ed; NULL when memory is short.
 */
char *peers_json(const struct peers *p);

#endif
