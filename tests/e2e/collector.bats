#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The export, against a real OpenTelemetry Collector and a real Prometheus behind it.

load helper

METRICS='transactions_total packet_count_prepare packet_count_fulfill packet_count_reject packet_amount_fulfill'

# A sender with a telltale; the arguments are lines of telltale's configuration.
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
  bed_wait 20 'all Prepares to arrive' same connector_truth alice originated prepares -- collector_sum main packet_count_prepare
  telltale_stop tt
}

@test "a real Prometheus answers with the same totals" {
  prometheus_start
  collector_start main "$(prometheus_url)/api/v1/write"
  watched_sender 'endpoints:' "$(telltale_endpoint "$(collector_url main)" network)"
  pay 24
  bed_wait 30 'Prometheus to have all payments' same echo 24 -- prometheus_value 'transactions_total{source="tt"}'
  for metric in $METRICS; do
    # Remote write appends _total to a sum's name that does not end so.
    query="sum({__name__=~\"$metric(_total)?\",source=\"tt\"})"
    bed_wait 30 "Prometheus to have $metric" same telltale_metric tt "$metric" -- prometheus_value "$query"
  done
  telltale_stop tt
}

@test "one endpoint down and one that never answers do not delay the other" {
  collector_start good
  bed_spawn silent python3 "$BATS_TEST_DIRNAME/listener.py" "$BED/silent" 0
  bed_wait 10 'the silent endpoint' test -e "$BED/silent.ready"
  down=http://127.0.0.1:$(bed_free_port)
  watched_sender 'endpoints:' \
    "$(telltale_endpoint "http://127.0.0.1:$(cat "$BED/silent.port")" own 120s)" \
    "$(telltale_endpoint "$down" own 120s)" \
    "$(telltale_endpoint "$(collector_url good)" own 120s)"
  bed_wait 30 'the silent endpoint to be tried' at_least 1 cat "$BED/silent"
  # An export to the silent endpoint waits 120 s. Three exports to the good one meanwhile show that these do
  # not wait for it.
  had=$(collector_exports good)
  bed_wait 60 'three exports more' at_least $((had + 3)) collector_exports good
  pay 8
  bed_wait 30 'the payments to arrive' same echo 8 -- collector_sum good transactions_total
  # The state of each endpoint is reported, in figures and in words.
  good=$(collector_url good)
  bed_wait 20 'figures of the good one' at_least 3 telltale_metric tt telltale_export_ms_count "endpoint=\"$good\""
  [ "$(telltale_metric tt telltale_export_last_status "endpoint=\"$good\"")" = 0 ]
  [ "$(telltale_metric tt telltale_export_last_status "endpoint=\"$down\"")" = 14 ]
  [ "$(telltale_metric tt telltale_export_consecutive_failures "endpoint=\"$good\"")" = 0 ]
  at_least 1 telltale_metric tt telltale_export_consecutive_failures "endpoint=\"$down\""
  at_least 1000 telltale_metric tt telltale_export_bytes_total "endpoint=\"$good\""
  at_least 1700000000 telltale_metric tt telltale_export_last_success_seconds "endpoint=\"$good\""
  run -0 curl --silent "http://$(sed -n 's/^listen: *//p' "$BED/tt.yaml")/metrics"
  [[ $output == *"# export to $good (own): well; acknowledged last "* ]]
  [[ $output == *"# export to $down (own): "*"the last one: cannot connect: Connection refused; never acknowledged"* ]]
  # It ends in order, whatever an endpoint does.
  telltale_stop tt
}

@test "what was counted last is exported as telltale ends" {
  collector_start main
  watched_sender 'endpoints:' "$(telltale_endpoint "$(collector_url main)" network)"
  telltale_stop tt
  sed -i 's/^export_interval: .*/export_interval: 1h/' "$BED/tt.yaml"
  telltale_start tt
  pay 8
  # Who looks on sees them at once, and no collector does: an export out of turn would tell when they were made.
  bed_wait 20 'the page to have them' test_metric 8 tt transactions_total
  [ "$(collector_sum main transactions_total)" = 0 ]
  telltale_stop tt
  bed_wait 20 'the final export' same echo 8 -- collector_sum main transactions_total
  # The second run has its own start time, and its first point is a zero.
  python3 - "$BED/main.otlp" <<'PYTHON'
import json, sys
lives = {}
for line in open(sys.argv[1]):
    for metric in json.loads(line)["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]:
        if metric["name"] == "transactions_total":
            (point,) = metric["sum"]["dataPoints"]
            life = lives.setdefault(int(point["startTimeUnixNano"]), [])
            life.append((int(point["timeUnixNano"]), int(point["asInt"])))
assert len(lives) == 2, lives
for start, points in lives.items():
    assert points == sorted(points) and points[0][0] >= start and points[0][1] == 0, lives
(_, first), (start, _) = sorted(lives.items())
assert start > first[-1][0], lives
PYTHON
}

@test "a real Collector reads every kind of metric, at the edge of what it can hold and empty" {
  collector_start main
  make -s -C "$ROOT" build/tests/exporter >&2
  for form in exponential,gzip gzip; do
    printf 'edges 42\nempty\nstop 10000\n' | "$ROOT/build/tests/exporter" "authority=$(collector_url main |
      sed 's,http://,,'),own,$form"
  done
  # It writes what it got a moment later.
  bed_wait 20 'both' edges_are_read || edges_are_read
}

edges_are_read() {
  python3 - "$BED/main.otlp" <<'PYTHON'
import json, sys
U64, I64 = 2 ** 64 - 1, 2 ** 63
seen = []
for line in open(sys.argv[1]):
    scopes = json.loads(line)["resourceMetrics"][0].get("scopeMetrics", [])
    metrics = {m["name"]: m for scope in scopes for m in scope.get("metrics", [])}
    if not metrics:
        continue
    def points(name, kind):
        return metrics[name][kind]["dataPoints"]
    assert int(points("transactions_total", "sum")[0]["asInt"]) == I64 - 1
    assert int(points("packet_count_fulfill", "sum")[0]["asInt"]) == 0
    ages = [int(p["asInt"]) for p in points("telltale_rates_age_seconds", "gauge")]
    assert ages == [-1, -I64], ages
    overflow = points("telltale_exports_total", "sum")[1]["attributes"][1]
    assert overflow == {"key": "otel.metric.overflow", "value": {"boolValue": True}}, overflow
    kind = next(k for k in ("exponentialHistogram", "histogram") if k in metrics["telltale_exchange_ms"])
    none, some, full = points("telltale_exchange_ms", kind)
    assert [int(p.get("count", 0)) for p in (none, some, full)] == [0, 4, U64]
    assert some["sum"] == 20007, some
    if kind == "histogram":
        assert int(full["bucketCounts"][15]) == U64
    else:
        assert int(full["positive"]["bucketCounts"][159]) == U64 and full["scale"] == -10
        assert int(some["zeroCount"]) == 1 and sum(map(int, some["positive"]["bucketCounts"])) == 3
    assert "sum" not in points("pay_time_ms", "histogram")[0]
    seen.append(kind)
assert seen == ["exponentialHistogram", "histogram"], seen
PYTHON
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
