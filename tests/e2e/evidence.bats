#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Originated is a claim that needs evidence: what is read late, what is sent again, and what a stranger can
# do about it.

load helper

@test "requests that are read only with their answers: the payments they cause were forwarded" {
  receiver bob
  bob=http://127.0.0.1:$(connector_port bob)
  mkdir "$BED_CGROUP/carol"
  telltale_config tt "$BED_CGROUP/carol"
  telltale_start tt
  bed_spawn carol "$ROOT/tests/e2e/in-cgroup" "$BED_CGROUP/carol" python3 \
    "$ROOT/tests/e2e/evidence/deferring.py" "$bob" "$BED/carol.port"
  bed_wait 30 'carol' test -e "$BED/carol.port"
  sender alice "http://127.0.0.1:$(cat "$BED/carol.port")"
  connector_pay alice "{\"payments\":6,\"concurrency\":1,$(to "$bob")}"
  bed_wait 20 'them to be seen' test_metric 6 tt telltale_transactions_total 'origin="forwarded"'
  [ "$(telltale_metric tt transactions_total)" = 0 ]
  # Nor any packet: what is left is protocol chatter.
  [ "$(telltale_metric tt telltale_packets_total)" = 0 ]
  [ "$(telltale_metric tt ilp_prepare_packet_processing_ms_count 'operation="outgoing_payment"')" = 0 ]
  [ "$(telltale_metric tt telltale_coverage_complete)" = 1 ]
  telltale_stop tt
}

# sent_again close|reset: each Prepare's first connection is broken so.
sent_again() {
  local node=$ROOT/tests/e2e/evidence/again.js
  mkdir "$BED_CGROUP/client"
  bed_spawn peer node "$node" serve "$BED/peer.ready" "$1"
  bed_wait 30 'the peer' test -e "$BED/peer.ready"
  telltale_config tt "$BED_CGROUP/client"
  telltale_start tt
  paid=$("$ROOT/tests/e2e/in-cgroup" "$BED_CGROUP/client" node "$node" pay \
    "http://127.0.0.1:$(bed_json "$BED/peer.ready" port)/" 10)
  [ "$paid" = 10 ]
  bed_wait 20 'both tries of each to be seen' test_metric 20 tt telltale_exchanges_total
  [ "$(telltale_metric tt telltale_coverage_complete)" = 1 ]
  telltale_stop tt
  for key in transactions prepares fulfills; do [ "$(telltale_truth tt $key)" = 10 ]; done
  [ "$(telltale_truth tt rejects)" = 0 ]
  [ "$(telltale_truth tt outcomes closed)" = 10 ]
  [ "$(telltale_truth tt outcomes fulfilled)" = 10 ]
}

@test "a Prepare sent again at once when its connection was closed is one payment" {
  sent_again close
}

@test "a Prepare sent again at once when its connection was reset is one payment" {
  sent_again reset
}
