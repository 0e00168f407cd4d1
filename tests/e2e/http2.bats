#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# ILP over HTTP/2 is counted by its streams, whenever its connection began, and a connection without ILP is no reason
# for an alarm.

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
  telltale_follows_http2 tt
}

# client NAME TLS COMMAND...: starts a client in the cgroup NAME. If TLS is not empty and it is in the target, telltale reads
# its TLS library before its first handshake.
client() {
  if [[ -n $2 && $1 == target/* ]]; then
    spawn_readable tt target "$1" "${@:3}"
  else
    bed_spawn "$1" "${@:3}"
  fi
}

opaque() {
  telltale_metric tt telltale_opaque_connections_total
}

quiet() {
  [ "$(opaque)" = 0 ]
  [ "$(telltale_metric tt telltale_coverage_complete)" = 1 ]
}

# json_is_quiet SCHEME: the target asks and is asked.
json_is_quiet() {
  local tls=${1#http}
  serve outside "${tls:+$1}"
  watch_target
  client target/client "$tls" node "$HTTP2" send "$url" "$BED/json" ${tls:+"$BED"}
  serve target/server "${tls:+$1}"
  [[ -z $tls ]] || bed_wait 60 "the server's TLS library to be read" at_least 2 tls_read tt target
  bed_spawn stranger node "$HTTP2" send "$url" "$BED/json" ${tls:+"$BED"}
  answers target/client 40
  answers stranger 40
  quiet
  telltale_stop tt
}

# ilp_is_counted SCHEME ROLE [SIZE]: a hundred streams at a time; the packets have SIZE bytes more.
ilp_is_counted() {
  local tls=${1#http} client=outside server=target
  [[ $2 == server ]] || { client=target server=outside; }
  prepare_file "$BED/prepare" "${3:-0}"
  mkdir -p "$BED_CGROUP/target"
  serve "$server" "${tls:+$1}"
  watch_target
  client "$client/client" "$tls" node "$HTTP2" burst "$url" "$BED/prepare" 1000 ${tls:+"$BED"}
  bed_wait 60 'all answers' grep -q '^fulfilled 1000$' "$BED/$client/client.log"
  bed_wait 20 'all exchanges to be counted' test_metric 1000 tt telltale_exchanges_total 'outcome="fulfilled"'
  [ "$(telltale_metric tt telltale_exchanges_total)" = 1000 ]
  [ "$(telltale_metric tt telltale_http2_nameless_total)" = 0 ]
  quiet
  telltale_stop tt
}

# ilp_is_joined SCHEME ROLE: the connection begins before telltale starts. It is announced too when it is met before the
# programs are there that follow it.
ilp_is_joined() {
  local tls=${1#http} client=outside server=target
  [[ $2 == server ]] || { client=target server=outside; }
  mkdir -p "$BED_CGROUP/target"
  serve "$server" "${tls:+$1}"
  bed_spawn "$client/client" node "$HTTP2" send "$url" "$BED/prepare" ${tls:+"$BED"}
  answers "$client/client" 20
  watch_target
  bed_wait 20 'exchanges to be counted' at_least 20 telltale_metric tt telltale_exchanges_total 'outcome="fulfilled"'
  at_least 1 telltale_metric tt telltale_http2_nameless_total
  [ "$(telltale_metric tt telltale_coverage_complete)" = 0 ]
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
  client target/exporter "$tls" node "$HTTP2" export "$1://localhost:$(cat "$BED/main.port")" ${tls:+"$BED"}
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

@test "ILP that the target sends over HTTP/2, a hundred streams at a time, is counted" {
  ilp_is_counted http client
}

@test "ILP that the target accepts over HTTP/2, a hundred streams at a time, is counted" {
  ilp_is_counted http server
}

@test "packets of 32 kB over HTTP/2 are counted" {
  ilp_is_counted http server 32000
}

@test "ILP that the target sends over HTTP/2 inside TLS is counted" {
  ilp_is_counted https client
}

@test "ILP that the target accepts over HTTP/2 inside TLS is counted" {
  ilp_is_counted https server
}

@test "ILP over HTTP/2 that was going out before telltale started is counted, without its peer" {
  ilp_is_joined http client
}

@test "ILP over HTTP/2 that was coming in before telltale started is counted, without its peer" {
  ilp_is_joined http server
}

@test "ILP over HTTP/2 inside TLS that was going out before telltale started is counted, without its peer" {
  ilp_is_joined https client
}

@test "ILP over HTTP/2 inside TLS that was coming in before telltale started is counted, without its peer" {
  ilp_is_joined https server
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
  bed_wait 20 'what it sends to be judged' at_least 40 telltale_metric tt telltale_exchanges_by_origin_total
  [ "$(telltale_metric tt telltale_coverage_complete)" = 0 ]
  [ "$(telltale_metric tt telltale_exchanges_by_origin_total 'origin="originated"')" = 0 ]
  [ "$(telltale_metric tt transactions_total)" = 0 ]
  telltale_stop tt
}
