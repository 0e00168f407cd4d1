#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # wires.bash sets them
#
# More wires: other releases of Node.js, Go inside TLS, Java, Rust. TLS inside Go and Java cannot be read, which
# telltale says; at the other end it counts.

load ../wires

@test "Node.js 24 to Node.js 26" {
  needs_wire node-24
  needs_wire node-26
  workload 700
  node_serves "$WIRES/node-26/node"
  node_sends http2 "$WIRES/node-24/node"
  both_ends
  counted sent="$client" received="$server"
}

@test "Node.js 26 to Node.js 24 inside TLS" {
  needs_wire node-24
  needs_wire node-26
  workload 700
  node_serves "$WIRES/node-24/node" tls
  node_sends http2 "$WIRES/node-26/node" tls
  both_ends
  counted sent="$client" received="$server"
}

@test "fetch of Node.js 26, which takes HTTP/2 where a server offers it" {
  needs_wire node-26
  workload 700
  node_serves node tls
  NODE_EXTRA_CA_CERTS=$BED/ca.pem node_sends fetch "$WIRES/node-26/node" tls
  both_ends
  counted sent="$client" received="$server"
}

@test "h2load to nghttpd inside TLS, 100 streams at once" {
  alike 0
  nghttpd_serves tls
  h2load_sends 1000 100 tls
  both_ends
  counted sent="$client" received="$server"
}

@test "h2load to nghttpd inside TLS, packets of 32 kB" {
  alike 32000
  nghttpd_serves tls
  h2load_sends 300 100 tls
  both_ends
  counted sent="$client" received="$server"
}

@test "Go to Node.js" {
  needs_wire go
  workload 700
  node_serves
  go_sends http
  both_ends
  counted sent="$client" received="$server"
}

@test "Node.js to Go" {
  needs_wire go
  workload 700
  go_serves
  node_sends http2
  both_ends
  counted sent="$client" received="$server"
}

@test "Go to Node.js inside TLS" {
  needs_wire go
  workload 700
  node_serves node tls
  go_sends https
  both_ends
  counted blind="$client" received="$server"
}

@test "Node.js to Go inside TLS" {
  needs_wire go
  workload 700
  go_serves tls
  node_sends http2 node tls
  both_ends
  counted sent="$client" blind="$server"
}

@test "OkHttp by prior knowledge" {
  needs_wire java
  workload 700
  node_serves
  java_sends okhttp http
  both_ends
  counted sent="$client" received="$server"
}

@test "OkHttp by ALPN inside TLS" {
  needs_wire java
  workload 700
  node_serves node tls
  java_sends okhttp https
  both_ends
  counted blind="$client" received="$server"
}

@test "the JDK's HttpClient by Upgrade" {
  needs_wire java
  needs_wire go
  workload 700
  go_serves
  java_sends jdk http
  both_ends
  counted sent="$client" received="$server"
}

@test "the JDK's HttpClient by ALPN inside TLS" {
  needs_wire java
  workload 700
  node_serves node tls
  java_sends jdk https
  both_ends
  counted blind="$client" received="$server"
}

@test "hyper to hyper" {
  needs_wire rust
  workload 700
  hyper_serves
  hyper_sends
  both_ends
  counted sent="$client" received="$server"
}

@test "hyper to Node.js" {
  needs_wire rust
  workload 700
  node_serves
  hyper_sends
  both_ends
  counted sent="$client" received="$server"
}
