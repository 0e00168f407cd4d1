#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# ilp-plugin-http, by which the JavaScript connectors spoke ILP over HTTP: node-fetch going out, Koa
# coming in, application/ilp+octet-stream.

load helper

# pair: alice sends to bob, once `go` lets her.
pair() {
  local port
  needs_stack ilp-plugin-http
  port=$(bed_free_port)
  workload 300
  node_in ilp-plugin-http bob node.js receive "$port" "$BED/bob.journal"
  ready bob "$port"
  node_in ilp-plugin-http alice node.js send "$(bed_free_port)" "http://127.0.0.1:$port/" "$BED/workload" \
    "$BED/alice.journal" "$BED/go" 8
}

@test "what a receiver's plugin answered is counted exactly, and nothing as its own" {
  pair
  watch tt bob
  go alice
  says_the_same tt received=bob
}

@test "both ends at once are counted exactly, each on its side" {
  pair
  watch tt alice bob
  go alice
  says_the_same tt sent=alice received=bob
}
