/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peers_yaml.h - prints peers as YAML to paste under `peers:` in the configuration: those that a
 * running daemon has seen, or the operator's own list.
 */
#ifndef TELLTALE_PEERS_YAML_H
#define TELLTALE_PEERS_YAML_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "rates/asset.h"
#include "base/hostkey.h"

/* Prints one item of the list. NAME may be NULL, and TOKEN 0. When ASSET is NULL, the operator has
 * to fill it in. REMARK, which may be NULL, becomes a comment on the last line. */
void peers_yaml_entry(FILE *out, const char *name, const char *endpoint, uint64_t token,
		      const struct asset *asset, const char *remark);

/* Prints a daemon's answer to GET /peers (peers_json), LEN bytes, as items. 0, or -EBADMSG when it
 * is not such an answer. */
int peers_yaml_answer(const char *json, size_t len, FILE *out);

/* Prints the same answer as JSON. As above, or -errno, logged. */
int peers_json_answer(const char *json, size_t len);

/*
 * Prints LEN bytes of JSON as items, with the tokens' fingerprints under KEY. The JSON is one or
 * more pages, one after the other or in an array. A page is the answer of Rafiki's admin API to
 *
 *   query { peers(first: 100) { edges { node { name asset { code scale }
 *     http { outgoing { endpoint authToken } } } } pageInfo { endCursor hasNextPage } } }
 *
 * with or without {"data": ...} around it, or {"peers": [...]} or an array of {"name", "endpoint",
 * "token", "incoming": [tokens], "asset": {"code", "scale"}}. Tokens of the peer's own requests
 * become items of their own, by which incoming exchanges are attributed. They are in "incoming", or
 * in http.incoming.authTokens, which Rafiki accepts but never returns.
 *
 * Errors and warnings go to ERRORS as "SOURCE: which entry: what; fix". An entry that cannot be
 * used, or that another one contradicts, is left out, and the others are printed; of JSON that
 * cannot be parsed, none is. 0, -EINVAL when something was left out, or -ENOMEM. No token is
 * printed. Copies made of JSON are overwritten before they are freed; the caller wipes JSON itself.
 */
int peers_yaml_import(const char *json, size_t len, const char *source, const struct hostkey *key,
		      FILE *out, FILE *errors);

#endif
