#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# ilp-node, Interledger in Rust (hyper 0.12: header names in lower case, heads and bodies sent separately),
# between two nodes of Node.js. Its own Prometheus counters are compared with telltale too.

load helper

# api METHOD PATH JSON: a call to the node's administration.
api() {
  curl --silent --show-error --fail --request "$1" --header 'Authorization: Bearer admin' \
    --header 'Content-Type: application/json' --data "$3" "http://127.0.0.1:$node$2" >/dev/null
}

# own NAME: prints the sum of one of the node's counters over all its labels.
own() {
  curl --silent --fail "http://127.0.0.1:$prometheus/" |
    awk -v name="$1" '{ split($1, part, "{") } part[1] == name { sum += $NF } END { print sum + 0 }'
}

# rust_node: starts redis and ilp-node with the accounts alice, who may send, and bob, who receives.
rust_node() {
  local redis
  node=$(bed_free_port) prometheus=$(bed_free_port) redis=$(bed_free_port)
  bed_spawn redis env LD_LIBRARY_PATH="$STACKS/ilp-node/redis/usr/lib/$(uname -m)-linux-gnu" \
    bash -c 'exec -a redis-server "$@"' _ "$STACKS/ilp-node/redis/usr/bin/redis-check-rdb" \
    --port "$redis" --bind 127.0.0.1 --save '' --dir "$BED"
  ready redis "$redis"
  printf '{"ilp_address": "test.node", "secret_seed": "%064d", "admin_auth_token": "admin",
    "redis_url": "redis://127.0.0.1:%s", "http_bind_address": "127.0.0.1:%s",
    "settlement_api_bind_address": "127.0.0.1:%s", "prometheus": {"bind_address": "127.0.0.1:%s"}}' \
    1 "$redis" "$node" "$(bed_free_port)" "$prometheus" >"$BED/rust.json"
  bed_spawn rust "$STACKS/ilp-node/ilp-node" "$BED/rust.json"
  ready rust "$node"
  ready rust "$prometheus"
  api POST /accounts '{"username": "alice", "ilp_address": "test.alice", "asset_code": "EUR",
    "asset_scale": 6, "ilp_over_http_incoming_token": "secret", "routing_relation": "NonRoutingAccount"}'
  api POST /accounts '{"username": "bob", "ilp_address": "test.bob", "asset_code": "EUR", "asset_scale": 6,
    "ilp_over_http_url": "http://127.0.0.1:'"$(port_of bob)"'/ilp", "ilp_over_http_outgoing_token": "node:secret",
    "routing_relation": "NonRoutingAccount"}'
}

@test "a node in Rust between two others is counted exactly, by both ends and by itself" {
  needs_stack ilp-node
  workload 300
  koa bob
  rust_node
  TOKEN=alice:secret sends alice "http://127.0.0.1:$node/ilp"
  watch tt alice rust bob
  go alice
  # The node itself answers protocol packets that it does not know.
  sed -n 's/^sent peer/received peer/p' "$BED/alice.journal" >"$BED/answered.journal"
  incoming=$(own requests_incoming_prepare) outgoing=$(own requests_outgoing_prepare)
  fulfilled=$(($(own requests_incoming_fulfill) + $(own requests_outgoing_fulfill)))
  says_the_same tt sent=alice forwarded=bob received=answered received=bob
  [ "$incoming" = 300 ]
  [ "$outgoing" = "$(wc -l <"$BED/bob.journal")" ]
  [ "$fulfilled" = $((2 * $(grep -c fulfilled "$BED/bob.journal"))) ]
}

@test "HTTP/2 without TLS, which it accepts, is counted exactly by both ends" {
  needs_stack ilp-node
  needs_stack ilp-plugin-http
  workload 50
  koa bob
  rust_node
  TOKEN=alice:secret node_in ilp-plugin-http alice node.js send "$(bed_free_port)" \
    "http://127.0.0.1:$node/ilp" "$BED/workload" "$BED/alice.journal" "$BED/go" 4 h2
  watch tt alice rust
  telltale_follows_http2 tt
  go alice
  # The node requires a body's length, which this client does not send, so it answers 411, in HTTP/2.
  [ "$(grep -c 'http_error$' "$BED/alice.journal")" = 50 ]
  sed 's/^sent/received/' "$BED/alice.journal" >"$BED/answered.journal"
  says_the_same tt sent=alice received=answered
}
