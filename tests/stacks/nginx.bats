#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# nginx as the TLS ingress in front of a connector, as in Rafiki's documentation, and as the TLS egress of a
# connector whose own TLS cannot be read.

load helper

# behind_ingress NAME_OF_INGRESS NAME_OF_NODE [CLIENT]: alice sends over TLS to a node behind nginx.
behind_ingress() {
  workload 300
  koa "$2"
  ingress=$(bed_free_port)
  nginx_in "$1" "$ingress" "http://127.0.0.1:$(port_of "$2")"
  sends alice "https://localhost:$ingress/" "${3:-fetch}"
}

@test "the ingress alone is opted in: what it takes by TLS and passes on is forwarded, exactly" {
  behind_ingress ingress bob
  watch tt ingress
  go alice
  says_the_same tt forwarded=bob
}

@test "the node behind it alone: what nginx passes on is received, exactly" {
  behind_ingress ingress bob
  watch tt bob
  go alice
  says_the_same tt received=bob
}

@test "ingress and node as two targets, and the sender: each packet is counted once at each" {
  behind_ingress ingress bob head-first
  watch tt alice ingress bob
  go alice
  says_the_same tt sent=alice forwarded=bob received=bob
}

@test "ingress and node as one target: a packet received is one packet, and the way inside is copies" {
  mkdir -p "$BED/node"
  behind_ingress node/ingress node/bob
  watch tt node
  go alice
  says_the_same tt received-inside=node/bob
}

@test "sender and its egress as one target: what leaves by TLS is counted once, as the sender's" {
  mkdir -p "$BED/node"
  workload 300
  koa bob
  ingress=$(bed_free_port) egress=$(bed_free_port)
  nginx_in ingress "$ingress" "http://127.0.0.1:$(port_of bob)"
  nginx_in node/egress "plain:$egress" "https://localhost:$ingress" 'proxy_set_header Connection "";'
  sends node/alice "http://127.0.0.1:$egress/"
  watch tt node
  go node/alice
  says_the_same tt sent-inside=node/alice
}
