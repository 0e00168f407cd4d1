#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# What the network's collectors get from a node with the continual mechanism: nothing exact, whatever
# happens, and the same counters after a restart. Totals change at midnight (UTC) only.

load helper

# network_says PYTHON: an expression over the newest export to the network: `metrics` by name, `resource`.
network_says() {
  python3 - "$BED/network.otlp" "$1" <<'PYTHON'
import json, sys
exports = [json.loads(line) for line in open(sys.argv[1]) if line.endswith("\n")]
newest = exports[-1]["resourceMetrics"][0]
resource = {a["key"]: a["value"].get("stringValue") for a in newest["resource"]["attributes"]}
metrics = {m["name"]: m for scope in newest["scopeMetrics"] for m in scope["metrics"]}
print(eval(sys.argv[2]))
PYTHON
}

start_of_transactions() {
  network_says 'metrics["transactions_total"]["sum"]["dataPoints"][0]["startTimeUnixNano"]'
}

node() {
  receiver bob
  bob=http://127.0.0.1:$(connector_port bob)
  sender alice "$bob"
  collector_start network
  telltale_config tt "$(connector_cgroup alice)" \
    'privacy: {mechanism: continual, epsilon: 0.5}' 'payments: {idle: 1s}' 'endpoints:' \
    "$(telltale_endpoint "$(collector_url network)" network)"
}

@test "payments change nothing that the network sees before midnight; the operator sees them all" {
  node
  telltale_start tt
  connector_pay alice "{\"payments\":20,\"concurrency\":4,$(to "$bob")}"
  bed_wait 20 'the payments to be seen' test_metric 20 tt transactions_total
  before=$(collector_exports network)
  bed_wait 20 'two more exports' at_least $((before + 2)) collector_exports network
  [ "$(network_says 'sorted(metrics)')" = "['ilp_payment_round_trip_ms', 'packet_amount_fulfill', \
'packet_count_fulfill', 'packet_count_prepare', 'packet_count_reject', 'pay_time_ms', 'transactions_total']" ]
  [ "$(network_says 'resource["telltale.privacy.mechanism"], resource["telltale.privacy.epsilon"]')" = \
    "('continual', '0.500')" ]
  [ "$(network_says '[p.get("sum") for n in ("pay_time_ms", "ilp_payment_round_trip_ms")
    for p in metrics[n]["histogram"]["dataPoints"]]')" = '[None, None]' ]
  for metric in transactions_total packet_count_prepare packet_count_fulfill packet_amount_fulfill; do
    [ "$(collector_sum network $metric)" = 0 ]
  done
  telltale_stop tt
}

@test "the counters and their start outlive the daemon; a state put back from a backup does not" {
  node
  telltale_start tt
  telltale_stop tt
  first=$(start_of_transactions)
  cp -p "$BED/tt.state/privacy.state" "$BED/backup"
  telltale_start tt
  telltale_stop tt
  [ "$(start_of_transactions)" = "$first" ]
  cp -p "$BED/backup" "$BED/tt.state/privacy.state"
  telltale_start tt
  grep -q 'privacy.state is not used: it was copied, put back' "$BED/tt.log"
  bed_wait 20 'the fault to be counted' test_metric 1 tt telltale_privacy_state_total 'event="older"'
  telltale_stop tt
  [ "$(start_of_transactions)" != "$first" ]
}

@test "a second telltale cannot use the same state" {
  node
  telltale_start tt
  telltale_config other "$(connector_cgroup bob)" 'privacy: {mechanism: continual}'
  sed -i "s,^state_dir: .*,state_dir: $BED/tt.state," "$BED/other.yaml"
  run -1 env -i PATH="$PATH" "$TELLTALE" run --config "$BED/other.yaml"
  [[ $output == *"another telltale keeps its privacy state in $BED/tt.state"* ]]
  telltale_stop tt
}
