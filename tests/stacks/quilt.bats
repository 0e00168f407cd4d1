#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Quilt, Interledger in Java: it sends with OkHttp and receives with its codec behind the JDK's HTTP server.
# TLS in a JVM cannot be read, which telltale must say.

load helper

@test "Quilt's link sends, heads alone and bodies in pieces, and is counted exactly at both ends" {
  workload 300
  koa bob
  quilt_in alice send "http://127.0.0.1:$(port_of bob)/" "$BED/workload" "$BED/alice.journal" "$BED/go" 8
  watch tt alice bob
  go alice
  says_the_same tt sent=alice received=bob
}

# jdk NAME: Quilt's server, at NAME's port.
jdk() {
  local port
  port=$(new_port "$1")
  quilt_in "$1" receive "$port" "$BED/$1.journal"
  ready "$1" "$port"
}

@test "the JDK's server answers, head and body apart, and is counted exactly at both ends" {
  needs_stack node-clients
  workload 300
  jdk bob
  sends alice "http://127.0.0.1:$(port_of bob)/"
  watch tt alice bob
  go alice
  says_the_same tt sent=alice received=bob
}

# over_tls [http2]: Quilt sends through an ingress with TLS.
over_tls() {
  workload 100
  koa bob
  ingress=$(bed_free_port)
  HTTP2=${1:-} nginx_in ingress "$ingress" "http://127.0.0.1:$(port_of bob)"
  quilt_in alice send "https://localhost:$ingress/" "$BED/workload" "$BED/alice.journal" "$BED/go" 4 "$BED/ca.pem"
}

@test "TLS in the JVM: telltale says which program cannot be read, and counts nothing as zero" {
  over_tls
  telltale_config check "$(connector_cgroup alice)"
  run "$TELLTALE" check --config "$BED/check.yaml"
  [[ $output == *'no readable TLS library in java ('* ]]
  watch tt alice
  go alice
  bed_wait 20 'the connection to be announced' \
    at_least 1 telltale_metric tt telltale_opaque_connections_total 'reason="tls-no-library"'
  [ "$(telltale_metric tt telltale_coverage_complete)" = 0 ]
  [ "$(telltale_metric tt telltale_exchanges_total)" = 0 ]
  grep -q 'connections that java opens in .* cannot be read' "$BED/tt.log"
  telltale_stop tt
}

@test "HTTP/2 by ALPN, TLS by nginx: what nginx takes and passes on is counted exactly" {
  over_tls http2
  watch tt ingress bob
  telltale_follows_http2 tt
  go alice
  says_the_same tt forwarded=bob received=bob
}
