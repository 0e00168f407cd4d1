#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# What the network's collectors get from a node with the continual mechanism: nothing exact, whatever
# happens, and the same counters after a restart. Totals change at full hours and midnight (UTC) only.

load helper

setup_file() {
  make -C "$BATS_TEST_DIRNAME/../.." --no-print-directory build/tests/clock.so >&2
}

# network_says PYTHON: evaluates an expression over the newest export to the network: `metrics` by name,
# `resource`.
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

# How many starts the network's counters have had, one after the other, in all exports that have arrived.
starts() {
  python3 - "$BED/network.otlp" <<'PYTHON'
import itertools, json, sys
def start(line):
    metrics = json.loads(line)["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]
    return next(m for m in metrics if m["name"] == "transactions_total")["sum"]["dataPoints"][0]["startTimeUnixNano"]
print(len(list(itertools.groupby(start(line) for line in open(sys.argv[1]) if line.endswith("\n")))))
PYTHON
}

# clock_set HH:MM:SS: what the clock of a telltale started with "${clock[@]}" says from now on, of
# yesterday: at a later time packets would have expired.
clock_set() {
  local now
  now=$(date +%s)
  # The first call fixes the day, because the true day may end during the test.
  yesterday=${yesterday:-$((now / 86400 - 1))}
  echo $((86400 * yesterday + $(date -u -d "1970-01-01 $1" +%s) - now)) >"$BED/clock.new"
  mv "$BED/clock.new" "$BED/clock"
  clock=("LD_PRELOAD=$ROOT/build/tests/clock.so" "CLOCK_FILE=$BED/clock")
}

# hour_ends HH:MM: the clock comes to this last minute of an hour, is seen there, and goes on to its last second. What is left
# until the next hour is then less than what telltale takes for a sleep of the host, however late it looks.
hour_ends() {
  clock_set "$1:30"
  bed_wait 20 'the last minute to be seen' at_least $((86400 * yesterday + $(date -u -d "1970-01-01 $1:32" +%s))) telltale_snapshot tt
  clock_set "$1:59"
}

network_transactions() {
  collector_sum network transactions_total
}

node() { # [CONFIGURATION...]
  receiver bob
  bob=http://127.0.0.1:$(connector_port bob)
  sender alice "$bob"
  collector_start network
  telltale_config tt "$(connector_cgroup alice)" \
    "${1:-privacy: {mechanism: continual\}}" 'payments: {idle: 3s}' 'endpoints:' \
    "$(telltale_endpoint "$(collector_url network)" network)"
}

@test "the counters and their start outlive the daemon; a state put back from a backup does not" {
  node
  telltale_start tt
  telltale_stop tt
  cp -p "$BED/tt.state/privacy.state" "$BED/backup"
  telltale_start tt
  telltale_stop tt
  # After one save more or less the file may have the backup's inode again.
  telltale_start tt
  telltale_stop tt
  cp -p "$BED/backup" "$BED/tt.state/privacy.state"
  telltale_start tt
  grep -q 'privacy.state is not used: it was copied or put back' "$BED/tt.log"
  bed_wait 20 'the fault to be counted' test_metric 1 tt telltale_privacy_state_total 'event="older"'
  telltale_stop tt
  # Each sent something, and the Collector writes it a moment later.
  bed_wait 20 'one start of the first three, and another one' same starts -- echo 2
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

# ended TOTAL PAYMENTS: makes PAYMENTS payments and waits until TOTAL have ended.
ended() {
  connector_pay alice "{\"payments\":$2,\"concurrency\":4,$(to "$bob")}"
  bed_wait 30 "$1 payments to have ended" test_metric "$1" tt pay_time_ms_count
}

@test "the network sees payments only at full hours and midnight, with noise, over a restart; no hour that nobody closed" {
  # Epsilon is so large that noise hardly changes a count.
  node 'privacy: {mechanism: continual, epsilon: 20, day_clip: 1000000, hour_clip: 1000000}'
  clock_set 20:10:00
  telltale_start tt "${clock[@]}"
  # A stream seen soon after the start may be the rest of a payment, so it is not counted whole; the first
  # two payments make sure that this time, twice `idle`, is over.
  ended 1 1
  ended 2 1
  ended 22 20
  before=$(collector_exports network)
  bed_wait 20 'two more exports' at_least $((before + 2)) collector_exports network
  [ "$(network_says 'sorted(metrics)')" = "['ilp_payment_round_trip_ms', 'packet_amount_fulfill', \
'packet_count_fulfill', 'packet_count_prepare', 'packet_count_reject', 'pay_time_ms', 'transactions_total']" ]
  [ "$(network_says 'resource["telltale.privacy.mechanism"], resource["telltale.privacy.epsilon"]')" = \
    "('continual', '20.000')" ]
  [ "$(network_says '[p.get("sum") for n in ("pay_time_ms", "ilp_payment_round_trip_ms")
    for p in metrics[n]["histogram"]["dataPoints"]]')" = '[None, None]' ]
  for metric in transactions_total packet_count_prepare packet_count_fulfill packet_amount_fulfill; do
    [ "$(collector_sum network $metric)" = 0 ]
  done
  hour_ends 20:59
  bed_wait 60 'the hour to be released' at_least 15 network_transactions
  hour=$(network_transactions)
  ((hour <= 26))

  telltale_stop tt
  before=$(collector_exports network)
  telltale_start tt "${clock[@]}"
  bed_wait 20 'exports after the restart' at_least $((before + 2)) collector_exports network
  [ "$(network_transactions)" = "$hour" ]

  # The clock jumps past full hours, as if the host had slept: the open hour is dropped.
  clock_set 23:10:00
  bed_wait 20 'the hour to be dropped' test_metric 1 tt telltale_privacy_state_total 'event="dropped"'
  [ "$(network_transactions)" = "$hour" ]
  ended 1 1
  ended 2 1
  ended 22 20
  begun=$(start_of_transactions)
  hour_ends 23:59
  bed_wait 60 'the day to be released' at_least 35 network_transactions
  echo "after the hour $hour, after the day $(network_transactions)"
  (($(network_transactions) <= 47))
  [ "$(start_of_transactions)" = "$begun" ]
  telltale_stop tt
}
