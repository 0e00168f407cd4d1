#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The export, against a real OpenTelemetry Collector and a real Prometheus behind it.

load helper

METRICS='transactions_total packet_count_prepare packet_count_fulfill packet_count_reject packet_amount_fulfill'

# A sender under telltale whose lines of configuration are given.
watched_sender() {
  receiver bob
  url=http://127.0.0.1:$(connector_port bob)
  sender alice "$url"
  telltale_config tt "$(connector_cgroup alice)" "$@"
  telltale_start tt
}

pay() {
  connector_pay alice "{\"payments\":$1,\"concurrency\":8,\"seed\":${2:-1},$(to "$url")}"
}

@test "a real Collector receives what /metrics shows" {
  collector_start main
  watched_sender 'endpoints:' "$(telltale_endpoint "$(collector_url main)" own)"
  pay 24
  bed_wait 20 'the payments to arrive' same echo 24 -- collector_sum main transactions_total
  for metric in $METRICS; do
    bed_wait 20 "$metric to arrive" same telltale_metric tt "$metric" -- collector_sum main "$metric"
  done
  [ "$(collector_sum main packet_count_prepare)" = "$(connector_truth alice originated prepares)" ]
  telltale_stop tt
}

@test "a real Prometheus answers with the same totals" {
  prometheus_start
  collector_start main "$(prometheus_url)/api/v1/write"
  watched_sender 'endpoints:' "$(telltale_endpoint "$(collector_url main)" network)"
  pay 24
  for metric in $METRICS; do
    # Remote write ends a sum's name in _total, where it does not already.
    query="sum({__name__=~\"$metric(_total)?\",source=\"tt\"})"
    bed_wait 30 "Prometheus to have $metric" same telltale_metric tt "$metric" -- prometheus_value "$query"
  done
  [ "$(prometheus_value 'transactions_total{source="tt"}')" = 24 ]
  telltale_stop tt
}

@test "one endpoint down and one that never answers do not delay the other" {
  collector_start good
  bed_spawn silent python3 "$BATS_TEST_DIRNAME/listener.py" "$BED/silent" 0
  bed_wait 10 'the silent endpoint' test -e "$BED/silent.ready"
  watched_sender 'endpoints:' \
    "$(telltale_endpoint "http://127.0.0.1:$(cat "$BED/silent.port")" own 120s)" \
    "$(telltale_endpoint "http://127.0.0.1:$(bed_free_port)" own 120s)" \
    "$(telltale_endpoint "$(collector_url good)" own 120s)"
  bed_wait 30 'the silent endpoint to be tried' at_least 1 cat "$BED/silent"
  # An export waits 120 s for the silent one: three more to the good one meanwhile waited for none.
  had=$(collector_exports good)
  bed_wait 60 'three exports more' at_least $((had + 3)) collector_exports good
  pay 8
  bed_wait 30 'the payments to arrive' same echo 8 -- collector_sum good transactions_total
  # It has no more than its five seconds to end in, whatever an endpoint does.
  telltale_stop tt
}

@test "what was counted last is exported as telltale ends" {
  collector_start main
  watched_sender 'endpoints:' "$(telltale_endpoint "$(collector_url main)" network)"
  telltale_stop tt
  sed -i 's/^export_interval: .*/export_interval: 1h/' "$BED/tt.yaml"
  telltale_start tt
  pay 8
  telltale_stop tt
  bed_wait 20 'the final export' same echo 8 -- collector_sum main transactions_total
}

@test "a counter is there from the start, at zero" {
  collector_start main
  watched_sender 'endpoints:' "$(telltale_endpoint "$(collector_url main)" own)"
  for metric in $METRICS telltale_records_dropped_total telltale_gaps_total telltale_unmatched_total; do
    bed_wait 20 "$metric" same echo 0 -- collector_sum main "$metric"
    [ "$(telltale_metric tt "$metric")" = 0 ]
  done
  telltale_stop tt
}
