#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# @interledger/rafiki-core, the toolkit of the first Rafiki. As published, its client does not announce that
# it sends ILP, and its server refuses such requests.

load helper

# rafiki_node NAME [NEXT_URL]: at NAME's port.
rafiki_node() {
  local port
  port=$(new_port "$1")
  node_in rafiki-core "$1" node.js serve "$port" "$BED/$1.journal" "${@:2}"
  ready "$1" "$port"
}

@test "as published every packet is refused with 400: each is an HTTP error at both ends, and nothing is lost" {
  needs_stack rafiki-core
  workload 60
  rafiki_node bob
  node_in rafiki-core alice node.js send "http://127.0.0.1:$(port_of bob)/" "$BED/workload" "$BED/alice.journal" \
    "$BED/go" 4
  watch tt alice bob
  go alice
  [ "$(grep -c 'http_error$' "$BED/alice.journal")" = 60 ]
  [ ! -s "$BED/bob.journal" ]
  telltale_stop tt
  [ "$(telltale_truth tt outcomes http_error)" = 120 ]
  [ "$(telltale_truth tt outcomes fulfilled)" = 0 ]
  [ "$(telltale_truth tt transactions)" = 0 ]
  grep -q '^telltale_coverage_complete.* 1$' "$BED/tt.metrics"
  run ! grep -E '^telltale_(gaps|unmatched|bad_requests)_total.* [1-9]' "$BED/tt.metrics"
}

@test "with the type it asks for, three nodes in a row are counted exactly" {
  needs_stack rafiki-core
  export FIX=1
  workload 300
  rafiki_node bob
  rafiki_node carol "http://127.0.0.1:$(port_of bob)/"
  node_in rafiki-core alice node.js send "http://127.0.0.1:$(port_of carol)/" "$BED/workload" "$BED/alice.journal" \
    "$BED/go" 8
  watch tt alice carol bob
  go alice
  says_the_same tt sent=alice forwarded=carol received=bob
}
