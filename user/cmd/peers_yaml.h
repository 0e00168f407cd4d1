/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peers_yaml.h - peers as configuration to paste under `peers:`: what a running daemon has seen,
 * and the operator's own list.
 */
#ifndef TELLTALE_PEERS_YAML_H
#define TELLTALE_PEERS_YAML_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "rates/asset.h"
#include "base/hostkey.h"

/* One item of the list. NAME may be NULL, TOKEN 0, ASSET NULL (then it is left to be filled in);
 * REMARK, which may be NULL, becomes a comment on the last line. */
void peers_yaml_entry(FILE *out, const char *name, const char *endpoint, uint64_t token,
		      const struct asset *asset, const char *remark);

/* LEN bytes of a daemon's answer to GET /peers (peers_json) as items. 0, or -EBADMSG when it is
 * none. */
int peers_yaml_answer(const char *json, size_t len, FILE *out);

/*
 * LEN bytes of JSON as items with tokens fingerprinted under KEY: the answer of Rafiki's admin API
 * to
 *
 *   query { peers(first: 100) { edges { node { name asset { code scale }
 *     http { outgoing { endpoint authToken } } } } pageInfo { hasNextPage } } }
 *
 * or an array of {"name", "endpoint", "token", "incoming": [tokens], "asset": {"code", "scale"}}.
 * Tokens of the peer's own requests ("incoming", or http.incoming.authTokens, which Rafiki takes
 * but never gives back) become items of their own, by which incoming exchanges are attributed.
 *
 * All or nothing: errors and warnings go to ERRORS as "SOURCE: which entry: what; mend", and OUT
 * gets nothing after an error. 0, -EINVAL or -ENOMEM. No token is printed; the copies made of JSON
 * are overwritten before they are freed, JSON itself is the caller's to wipe.
 */
int peers_yaml_import(const char *json, size_t len, const char *source, const struct hostkey *key,
		      FILE *out, FILE *errors);

#endif
