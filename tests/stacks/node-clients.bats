#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# HTTP as the clients of Node.js speak it, and replies as a Koa server may send them.

load helper

# pair CLIENT MODE: 300 packets from one process to the other, both opted in.
pair() {
  local port
  needs_stack node-clients
  port=$(bed_free_port)
  workload 300
  node_in node-clients bob server.js "$2" "$port" "$BED/bob.journal"
  ready bob "$port"
  node_in node-clients alice client.js "$1" "http://127.0.0.1:$port/ilp" "$BED/workload" \
    "$BED/alice.journal" "$BED/go" 8
  watch tt alice bob
  go alice
  says_the_same tt sent=alice received=bob
}

@test "fetch, and replies with a length, are counted exactly" {
  pair fetch length
}

@test "undici, and chunked replies, are counted exactly" {
  pair undici chunked
}

@test "axios, and replies whose body comes 40 ms after the head, are counted exactly" {
  pair axios apart
}

@test "a head alone and then the body in pieces of 8 KiB are counted exactly" {
  pair head-first length
}

@test "a head, and the body 40 ms after it, are counted exactly" {
  pair apart apart
}

@test "chunked requests and chunked replies are counted exactly" {
  pair chunked chunked
}
