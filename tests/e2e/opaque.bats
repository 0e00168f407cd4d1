#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Blind is not zero: TLS that cannot be read is announced wherever totals are shown.

load helper

@test "a program with TLS of its own, in Go: telltale says that it cannot be read" {
  receiver_tls bob
  prepare_file "$BED/prepare"
  mkdir "$BED_CGROUP/gopher"
  telltale_config tt "$BED_CGROUP/gopher"
  telltale_start tt
  "$ROOT/tests/e2e/in-cgroup" "$BED_CGROUP/gopher" "$PARTS/opaque" -ca "$BED/ca.pem" -count 3 \
    -url "https://localhost:$(connector_port bob)/" -token secret-of-alice -body "$BED/prepare"
  [ "$(connector_truth bob received fulfills)" = 3 ]
  bed_wait 20 'the connection to be announced' at_least 1 telltale_metric tt telltale_opaque_connections_total
  [ "$(telltale_metric tt telltale_coverage_complete)" = 0 ]
  [ "$(telltale_metric tt packet_count_prepare)" = 0 ]
  grep -qi 'cannot be read' "$BED/tt.log"
  telltale_stop tt
}

@test "TLS in Node.js is read, and not announced as unreadable" {
  receiver_tls bob
  url=https://localhost:$(connector_port bob)
  sender alice "$url"
  telltale_config tt "$(connector_cgroup alice)"
  telltale_start tt
  connector_pay alice "{\"payments\":4,\"concurrency\":2,$(to "$url")}"
  bed_wait 20 'the payments to be counted' test_metric 4 tt transactions_total
  [ "$(telltale_metric tt telltale_opaque_connections_total)" = 0 ]
  [ "$(telltale_metric tt telltale_coverage_complete)" = 1 ]
  telltale_stop tt
}

@test "a connection that goes over to another protocol is announced, and its Prepare is no guess" {
  prepare_file "$BED/prepare"
  mkdir "$BED_CGROUP/curl"
  bed_spawn upgrader python3 "$ROOT/tests/e2e/upgrader.py" "$BED/upgrader.port"
  bed_wait 30 'the server' test -e "$BED/upgrader.port"
  telltale_config tt "$BED_CGROUP/curl"
  telltale_start tt
  run "$ROOT/tests/e2e/in-cgroup" "$BED_CGROUP/curl" curl --silent --max-time 2 --http1.1 \
    --header 'Content-Type: application/octet-stream' --header 'Upgrade: other' \
    --header 'Connection: Upgrade' --data-binary "@$BED/prepare" \
    "http://127.0.0.1:$(cat "$BED/upgrader.port")/"
  bed_wait 20 'the connection to be announced' \
    test_metric 1 tt telltale_opaque_connections_total 'reason="upgraded"'
  [ "$(telltale_metric tt telltale_lost_total 'cause="opaque"')" = 1 ]
  [ "$(telltale_metric tt telltale_exchanges_total)" = 1 ]
  [ "$(telltale_metric tt telltale_coverage_complete)" = 0 ]
  grep -q 'went over from HTTP/1.1' "$BED/tt.log"
  telltale_stop tt
}
