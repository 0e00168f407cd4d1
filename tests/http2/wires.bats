#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # wires.bash sets them
#
# ILP over HTTP/2 between two ends that nobody here wrote: what telltale counts is what both ends count, packet for
# packet. These are the quick wires; more/ has the others.

load wires

@test "Node.js to Node.js, 100 streams at once, one packet in seven of 30 kB" {
  workload 700
  node_serves
  node_sends http2
  both_ends
  counted sent="$client" received="$server"
}

@test "Node.js to Node.js inside TLS" {
  workload 700
  node_serves node tls
  node_sends http2 node tls
  both_ends
  counted sent="$client" received="$server"
}

@test "h2load to nghttpd, 100 streams at once" {
  alike 0
  nghttpd_serves
  h2load_sends 1000 100
  both_ends
  counted sent="$client" received="$server"
}

@test "h2load to nghttpd, 1,000 streams at once" {
  alike 0
  nghttpd_serves
  h2load_sends 3000 1000
  both_ends
  counted sent="$client" received="$server"
}

@test "h2load to nghttpd, packets of 32 kB" {
  alike 32000
  nghttpd_serves
  h2load_sends 300 100
  both_ends
  counted sent="$client" received="$server"
}

@test "curl, by prior knowledge" {
  workload 60
  node_serves
  curl_sends http --http2-prior-knowledge
  both_ends
  counted sent="$client" received="$server"
}

@test "curl, by ALPN inside TLS" {
  workload 60
  node_serves node tls
  curl_sends https --http2
  both_ends
  counted sent="$client" received="$server"
}

@test "curl, by Upgrade: what asked for it is the first stream" {
  needs_wire go
  workload 60
  go_serves
  curl_sends http --http2
  both_ends
  counted sent="$client" received="$server"
}

@test "curl, by Upgrade of a request without ILP" {
  needs_wire go
  workload 60
  go_serves
  curl_sends http --http2 get
  both_ends
  counted sent="$client" received="$server"
}

@test "Go to Go, h2c by prior knowledge" {
  needs_wire go
  workload 700
  go_serves
  go_sends http
  both_ends
  counted sent="$client" received="$server"
}
