#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# HTTP/2 is not decoded: a connection on which ILP goes by is announced, whenever it began, and one without ILP
# is no reason for an alarm.

load helper

HTTP2=$ROOT/tests/e2e/http2.js

setup() {
  ((EUID == 0)) || skip 'needs root: cgroups and BPF programs are made'
  [[ -n $(bed_cgroup_mount) ]] || skip 'needs cgroup v2 mounted somewhere'
  bed_init "$BATS_TEST_TMPDIR/bed"
  mkdir -p "$BED/target" "$BED/outside"
  bed_certificates
  echo '{"amount":"12"}' >"$BED/json"
  prepare_file "$BED/prepare"
}

# serve NAME [TLS]: a server in the cgroup NAME; its URL is in $url.
serve() {
  local port
  port=$(bed_free_port)
  bed_spawn "$1" node "$HTTP2" serve "$port" ${2:+"$BED"}
  bed_wait 30 'the server' grep -q ready "$BED/$1.log"
  url=${2:-http}://localhost:$port
}

# answers NAME MORE: waits for so many more answers to the client NAME.
answers() {
  local before
  before=$(grep -c answer "$BED/$1.log" || true)
  bed_wait 60 'answers' at_least $((before + $2)) grep -c answer "$BED/$1.log"
}

watch_target() {
  mkdir -p "$BED_CGROUP/target"
  telltale_config tt "$BED_CGROUP/target"
  telltale_start tt
}

opaque() {
  telltale_metric tt telltale_opaque_connections_total
}

quiet() {
  [ "$(opaque)" = 0 ]
  [ "$(telltale_metric tt telltale_coverage_complete)" = 1 ]
}

announced() {
  bed_wait 20 'it to be announced, once' test_metric 1 tt telltale_opaque_connections_total 'reason="http2"'
  [ "$(opaque)" = 1 ]
  [ "$(telltale_metric tt telltale_coverage_complete)" = 0 ]
}

# json_is_quiet SCHEME: the target asks and is asked.
json_is_quiet() {
  local tls=${1#http}
  serve outside "${tls:+$1}"
  watch_target
  bed_spawn target/client node "$HTTP2" send "$url" "$BED/json" ${tls:+"$BED"}
  serve target/server "${tls:+$1}"
  bed_spawn stranger node "$HTTP2" send "$url" "$BED/json" ${tls:+"$BED"}
  answers target/client 40
  answers stranger 40
  quiet
  telltale_stop tt
}

# ilp_is_announced SCHEME WHEN ROLE: the target is ROLE; the connection begins WHEN telltale starts.
ilp_is_announced() {
  local tls=${1#http} client=outside server=target
  [[ $3 == server ]] || { client=target server=outside; }
  mkdir -p "$BED_CGROUP/target"
  serve "$server" "${tls:+$1}"
  [[ $2 == before ]] || watch_target
  bed_spawn "$client/client" node "$HTTP2" send "$url" "$BED/prepare" ${tls:+"$BED"}
  answers "$client/client" 20
  [[ $2 == after ]] || watch_target
  announced
  if [[ $3 == server ]]; then
    grep -q 'forwards: never' "$BED/tt.log"
  else
    run ! grep -q 'forwards: never' "$BED/tt.log"
  fi
  telltale_stop tt
}

@test "JSON over HTTP/2, both ways, leaves coverage at 1" {
  json_is_quiet http
}

@test "JSON over HTTP/2 inside TLS, both ways, leaves coverage at 1" {
  json_is_quiet https
}

# exporter_is_quiet SCHEME
exporter_is_quiet() {
  local tls=${1#http}
  COLLECTOR_TLS=${tls:+"$BED"} collector_start main
  watch_target
  bed_spawn target/exporter node "$HTTP2" export "$1://localhost:$(cat "$BED/main.port")" ${tls:+"$BED"}
  bed_wait 60 'exports to arrive' at_least 5 collector_exports main
  quiet
  telltale_stop tt
}

@test "OpenTelemetry's exporter in the target, gRPC over HTTP/2, leaves coverage at 1" {
  exporter_is_quiet http
}

@test "OpenTelemetry's exporter in the target, gRPC inside TLS, leaves coverage at 1" {
  exporter_is_quiet https
}

@test "ILP that the target sends over HTTP/2 is announced" {
  ilp_is_announced http after client
}

@test "ILP that the target accepts over HTTP/2 is announced" {
  ilp_is_announced http after server
}

@test "ILP that the target sends over HTTP/2 inside TLS is announced" {
  ilp_is_announced https after client
}

@test "ILP that the target accepts over HTTP/2 inside TLS is announced" {
  ilp_is_announced https after server
}

@test "ILP over HTTP/2 that was going out before telltale started is announced" {
  ilp_is_announced http before client
}

@test "ILP over HTTP/2 that was coming in before telltale started is announced" {
  ilp_is_announced http before server
}

@test "ILP over HTTP/2 inside TLS that was going out before telltale started is announced" {
  ilp_is_announced https before client
}

@test "ILP over HTTP/2 inside TLS that was coming in before telltale started is announced" {
  ilp_is_announced https before server
}

@test "what comes in over HTTP/2, begun before telltale, and goes out over HTTP/1.1 is not the target's own" {
  local port
  receiver bob
  port=$(bed_free_port)
  bed_spawn target node "$HTTP2" forward "$port" "http://127.0.0.1:$(connector_port bob)/"
  bed_wait 30 'the connector' grep -q ready "$BED/target.log"
  bed_spawn outside/client node "$HTTP2" send "http://localhost:$port" "$BED/prepare"
  answers outside/client 20
  watch_target
  bed_wait 20 'what it sends to be judged' \
    at_least 1 telltale_metric tt telltale_exchanges_by_origin_total 'origin="unknown"'
  answers outside/client 20
  announced
  [ "$(telltale_metric tt telltale_exchanges_by_origin_total 'origin="originated"')" = 0 ]
  [ "$(telltale_metric tt transactions_total)" = 0 ]
  telltale_stop tt
}
