#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# HTTP as the clients of Node.js send it, and replies as a Koa server may send them.

load helper

# pair CLIENT MODE [odd]: 300 packets from one process to the other, both opted in.
pair() {
  workload 300 "${@:3}"
  koa bob "$2"
  sends alice "http://127.0.0.1:$(port_of bob)/ilp" "$1"
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

@test "a head, and its body 40 ms later, are counted exactly" {
  pair apart length
}

@test "a head alone and then the body in pieces of 8 KiB, and replies sent so, are counted exactly" {
  pair head-first apart
}

@test "chunked requests and chunked replies are counted exactly" {
  pair chunked chunked
}

@test "answers without an ILP packet, HTTP 500 and 200 without a body, are not counted as Rejects" {
  pair axios chunked odd
}
