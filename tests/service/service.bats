#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The network's service, configured from its own files: two real Collectors behind a real nginx, real Prometheus
# servers, and nodes that are telltale from the privacy stage on. One service for all tests, in order:
# each leaves it whole.
# bats runs each test in a shell of its own; that is what is meant.
# shellcheck disable=SC2030,SC2031

bats_require_minimum_version 1.5.0

load_service() {
  # shellcheck source=tests/e2e/lib.sh
  source "$BATS_TEST_DIRNAME/../e2e/lib.sh"
  # shellcheck source=tests/service/service.sh
  source "$BATS_TEST_DIRNAME/service.sh"
}

setup_file() {
  load_service
  make -C "$ROOT" --no-print-directory -s build/tests/node build/venv-service/ready >&2
  bed_init "$BATS_FILE_TMPDIR/bed"
  export BED BED_CGROUP NETWORK=testnet
  service_start testnet
  operator_start
  node_start a "$(network_endpoint testnet)" "$(own_endpoint)"
  node_start b
  node_start c
}

teardown_file() {
  load_service
  bed_fini
}

setup() { load_service; }

teardown() {
  if [[ -z ${BATS_TEST_COMPLETED:-} ]]; then
    ask '{__name__=~"transactions_total|network:transactions:c.*"}'
    tail -n 15 "$BED"/{a,b,c,collector-0,collector-1,prometheus}.log | cut -c 1-300
  fi
}

# Compares what each node counted with what the network has: the raw totals, and the sums that survive
# restarts.
totals_equal() {
  local node transactions prepares value got
  for node in "${@:-a b c}"; do
    read -r transactions prepares value <<<"$(node_totals "$node")"
    got="$(value "transactions_total{source=\"$node\"}") $(value "packet_count_prepare_total{source=\"$node\"}") $(
      value "packet_amount_fulfill_total{source=\"$node\"}")"
    [[ -n $transactions && $got == "$transactions $prepares $value" ]] || { echo "$node counted $transactions $prepares $value, Prometheus has $got"; return 1; }
  done
}

arrived() { bed_wait 30 'the same totals at both ends' totals_equal a && bed_wait 30 'the same totals at both ends' totals_equal b &&
  bed_wait 30 'the same totals at both ends' totals_equal c; }

# The number of series that telltale's nodes sent, in which a doubled one would show. Those of rules and
# alerts are left out, since they appear at their own intervals.
series() { value 'count({job="telltale",__name__!~".+:.+|ALERTS.*|ilp_pay_time_ms_bucket"})'; }

pay_all() { node_do a "pay $1"; node_do b "pay $2"; node_do c "pay $3"; }

carried() { value 'network:transactions:carried{network="testnet"}'; }

is() { [[ $("${@:2}") == "$1" ]]; }

connections_of() { grep -c -- "-> 127.0.0.1:$(port_of "collector-$1") status=200" "$BED/connections.log"; }

# How long verify is given where it is to find its canary, in seconds: only a hang takes so long.
PATIENCE=120

# It waits for as long as $wait says.
verify() {
  "$ROOT/scripts/deploy/verify" --endpoint "$(service_url)" --ca "$BED/ca.pem" --wait "${wait:-30}" \
    --prometheus "http://127.0.0.1:$(port_of prometheus)" --public "http://127.0.0.1:$(port_of prometheus-public)" \
    --collector-metrics "http://127.0.0.1:$(port_of collector-0-metrics)/metrics" \
    --collector-metrics "http://127.0.0.1:$(port_of collector-1-metrics)/metrics" "$@"
}

@test "what the nodes count is what the network's Prometheus and the windows have" {
  pay_all 5 7 9
  arrived
  bed_wait 20 'the sums' is 21 carried
  for window in hour day week month year; do
    bed_wait 20 "the $window" is 21 value "network:transactions:count{window=\"$window\"}"
    bed_wait 20 "the $window in the public Prometheus" is 21 value "network:transactions:count{window=\"$window\"}" prometheus-public
  done
  count=$(value 'network:transactions:count{window="day"}')
  usd=$(value 'network:value:usd{window="day"}')
  [ "$(value 'sum(packet_amount_fulfill_total) / 10000')" = "$usd" ]
  [ "$(value 'network:value:average_usd{window="day"}')" = "$(value "vector($usd / $count)")" ]
}

@test "connections move between the collectors as they age, and no series is doubled" {
  had=$(series)
  before=$(connections_of 0)
  other=$(connections_of 1)
  bed_wait 40 'both collectors to get new connections' both_grew "$before" "$other"
  pay_all 1 2 3
  arrived
  [ "$(series)" = "$had" ]
  [ "$(value 'max(count by (source) (transactions_total))')" = 1 ]
  # No export failed meanwhile.
  [ "$(value 'sum(telltale_export_failures_total)' prometheus-own)" = 0 ]
}

both_grew() { (($(connections_of 0) > $1 && $(connections_of 1) > $2)); }

@test "a collector that is killed takes no total with it" {
  had=$(series)
  bed_stop collector-0 KILL || true
  pay_all 3 3 3
  arrived
  replica_start 0
  replica_wait 0
  pay_all 1 1 1
  arrived
  [ "$(series)" = "$had" ]
}

@test "a collector that is drained takes no total with it" {
  had=$(series)
  pay_all 2 2 2
  bed_stop collector-1 TERM || true
  pay_all 2 2 2
  arrived
  replica_start 1
  replica_wait 1
  [ "$(series)" = "$had" ]
}

@test "Prometheus restarted: the collectors keep what came meanwhile, and the windows continue" {
  bed_wait 20 'the sums' carried_all
  bed_stop prometheus || true
  pay_all 4 4 4
  prometheus_spawn prometheus network.yaml
  prometheus_wait prometheus
  arrived
  bed_wait 20 'the sums' carried_all
}

carried_all() {
  local all
  all=$(value 'sum(transactions_total)') && is "$all" carried
}

# The same after restarts, when what a node counts now is not all that it has counted. Of those that send: what has ended
# is not found any more five minutes later, whatever the test has done by then.
summed() {
  is 0 value 'sum(source:transactions:added) +
    sum(max by (network, job, instance, source) (transactions_total) - source:transactions:seen)'
}

@test "a restarted node begins at zero, and the sums continue" {
  before=$(carried)
  bed_stop b KILL || true
  node_spawn b
  bed_wait 20 'the restart to be seen' is 0 value 'transactions_total{source="b"}'
  node_do b 'pay 6'
  arrived
  bed_wait 20 'the sums to go on' is $((before + 6)) carried
  bed_wait 20 'the hour to go on' is $((before + 6)) value 'network:transactions:count{window="hour"}'
}

@test "what a livenet node sends to testnet is dropped and counted, and so are metrics for the operator only" {
  NODE_NETWORK=livenet node_start stray "$(network_endpoint livenet)"
  # An operator wrote `own` for the network's endpoint.
  node_start open "  - {url: $(service_url), audience: own, ca: $BED/ca.pem}"
  node_do open 'pay 1'
  bed_wait 30 'the filters to have dropped both' both_dropped
  bed_wait 20 'the rest of the open one' is 1 value 'transactions_total{source="open"}'
  nothing '{source="stray"}'
  nothing '{__name__=~"telltale_.*",__name__!="telltale_coverage_complete"}'
  node_do stray stop
  node_do open stop
}

both_dropped() { is 2 value 'count(count by (filter) (otelcol_processor_filter_datapoints_filtered > 0))'; }

@test "a node whose clock is wrong does not affect the others" {
  failed='sum(otelcol_exporter_send_failed_metric_points) or vector(0)'
  before=$(value "$failed")
  for ahead in -7200 86400; do
    run -0 "$BATS_TEST_DIRNAME/skewed" "$(service_url)" "$BED/ca.pem" testnet $ahead
    [ "$output" = 'took the export' ]
  done
  bed_wait 30 'both to be dropped' is 2 value 'sum(otelcol_processor_filter_datapoints_filtered{filter="filter/clock"})'
  pay_all 1 1 1
  arrived
  [ "$(value "$failed")" = "$before" ]
  nothing skewed
}

@test "a metric that is not the network's is dropped and counted" {
  run -0 "$BATS_TEST_DIRNAME/skewed" "$(service_url)" "$BED/ca.pem" testnet 0
  [ "$output" = 'took the export' ]
  bed_wait 30 'it to be dropped' is 1 value 'sum(otelcol_processor_filter_datapoints_filtered{filter="filter/names"})'
  nothing skewed
}

# The door answers, and does not let it in.
refused() { run -1 verify "$@" && [[ $output == *'does not admit this sender'* ]]; }

# through NAME [OPTION...]: verify with that node's certificate.
through() { verify --endpoint "$(cat "$BED/endpoint")" --cert "$BED/tls/$1.crt" --key "$BED/tls/$1.key" --source "$@"; }

passes() { wait=$PATIENCE run -0 through "$@"; }

@test "a stranger and a node that was removed do not pass the network's door; who is on the list does" {
  export TLS=$BED/tls
  mkdir "$TLS" && cd "$TLS"
  "$SERVICE/admit" first && "$SERVICE/admit" second && TLS=$(mktemp -d -p "$BED") "$SERVICE/admit" stranger
  ports collector-3{,-health,-metrics}
  DOOR=1 replica_start 3
  replica_wait 3
  door_start 3 "$TLS"
  endpoint=https://127.0.0.1:$(port_of door-3)
  echo "$endpoint" >"$BED/endpoint"
  node_start first "  - {url: $endpoint, audience: network, ca: $BED/ca.pem, cert: $TLS/first.crt, key: $TLS/first.key}"
  node_do first 'pay 3'
  bed_wait 30 'what it counts' is 3 value 'transactions_total{source="first"}'
  for name in first second; do passes $name; done
  refused --endpoint "$endpoint"
  refused --endpoint "$endpoint" --cert stranger.crt --key stranger.key

  [ "$("$SERVICE/admit" --list | cut -f 1 | tr '\n' ' ')" = 'first second ' ]
  "$SERVICE/admit" --remove second
  bed_wait 30 'the list to be read again' refused --endpoint "$endpoint" --cert second.crt --key second.key
  passes first
  # No name is admitted twice.
  run -1 "$SERVICE/admit" first
}

# dropped FILTER: points that the Collector behind the door dropped there.
dropped() {
  curl --silent --fail "http://127.0.0.1:$(port_of collector-3-metrics)/metrics" |
    awk -v filter="filter=\"filter/$1\"" '/^otelcol_processor_filter_datapoints.filtered/ && index($0, filter) { n += $2 } END { print n + 0 }'
}

grew() { (($("${@:2}") > $1)); }

@test "an admitted node cannot send under the name of another" {
  cd "$BED/tls"
  own=$(node_totals a)
  before=$(dropped sender)
  # The certificate is of `first`, and says so of itself; the configuration names node a.
  cat >"$BED/thief.yaml" <<YAML
enabled: true
instance: a
network: testnet
targets: [{pid: 1}]
export_interval: 1s
endpoints:
  - {url: $(cat "$BED/endpoint"), audience: network, ca: $BED/ca.pem, cert: $BED/tls/first.crt, key: $BED/tls/first.key}
YAML
  node_spawn thief
  node_do thief 'pay 1000'
  bed_wait 30 'all of it to be dropped' grew $((before + 40)) dropped sender
  node_do thief stop
  bed_wait 20 'its last export' grep -q '^stopped at' "$BED/thief.log"
  [ "$(value 'transactions_total{source="a"}')" = "${own%% *}" ]
  # A certificate that has another's name lets in nobody but who admitted it.
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=first \
    -keyout forged.key -out forged.crt 2>/dev/null
  refused --endpoint "$(cat "$BED/endpoint")" --cert forged.crt --key forged.key --source first
  # Nor does a header that says so.
  before=$(dropped sender)
  header='x-telltale-node: a' post first 1 2000
  [ "$(<"$BED/answers")" = 200 ]
  bed_wait 30 'it to be dropped' grew "$before" dropped sender
  nothing '{source="a",__name__="verify_canary"}'
}

# post NAME TIMES BYTES: one connection on which NAME exports so often, as fast as it can. A canary under the name `a`, and
# BYTES of it. Each answer's HTTP status is a line of $BED/answers. curl calls it an error when an answer comes before all of
# the export is sent. A single export that got none is sent again.
post() {
  local again=0
  python3 - "$ROOT/scripts/deploy/verify" "$3" >"$BED/body" <<'PYTHON'
import importlib.machinery, importlib.util, sys
sys.dont_write_bytecode = True
loader = importlib.machinery.SourceFileLoader("verify", sys.argv[1])
verify = importlib.util.module_from_spec(importlib.util.spec_from_loader("verify", loader))
loader.exec_module(verify)
# A field that no reader knows fills it up.
request = verify.export_request("testnet", "a", 1)[5:] + verify.field(100, bytes(int(sys.argv[2])))
sys.stdout.buffer.write(bytes([0]) + len(request).to_bytes(4, "big") + request)
PYTHON
  # The numbers stand in the fragment, which is not sent: the path names the method, and all of it.
  until curl --silent --show-error --http2 --cacert "$BED/ca.pem" --cert "$BED/tls/$1.crt" --key "$BED/tls/$1.key" \
    --request POST --header 'Content-Type: application/grpc' --header 'TE: trailers' ${header:+--header "$header"} \
    --data-binary "@$BED/body" --output /dev/null --write-out '%{http_code}\n' \
    "$(cat "$BED/endpoint")/opentelemetry.proto.collector.metrics.v1.MetricsService/Export#[1-$2]" >"$BED/answers" ||
    ! grep -qx 000 "$BED/answers"; do
    # The door has read its list again meanwhile, and takes nothing more on connections that are older.
    [[ $2 == 1 && $((again++)) -lt 5 ]]
  done
}

answers() { grep -cx "$1" "$BED/answers"; }

# Prints how many exports a node may make in what has passed since BEGUN (microseconds): two a second, and nine at once.
allowed() { echo $((9 + 1 + 2 * (${EPOCHREALTIME//[^0-9]/} - $1) / 1000000)); }

@test "at the door's limits a node is put off, and the others are not" {
  export TLS=$BED/tls
  cd "$TLS"
  "$SERVICE/admit" greedy
  bed_wait 30 'the list to be read again' passes greedy
  begun=${EPOCHREALTIME//[^0-9]/}
  post greedy 200 100
  most=$(allowed "$begun")
  (($(answers 200) >= 8 && $(answers 200) <= most && $(answers 429) > 0))
  [ "$(($(answers 200) + $(answers 429)))" = 200 ]
  grep -q 'status=429 node=greedy' "$BED/door-3/refused"
  # Meanwhile another node's exports are taken.
  passes first
  post greedy 1 2000000
  [ "$(<"$BED/answers")" = 413 ]
  # Nothing else of the Collector's can be reached.
  run -0 curl --silent --http2 --cacert "$BED/ca.pem" --cert first.crt --key first.key --output /dev/null \
    --write-out '%{http_code}' "$(cat "$BED/endpoint")/opentelemetry.proto.collector.trace.v1.TraceService/Export"
  [ "$output" = 404 ]
}

@test "one address gets no more connections from the balancer than its limit" {
  run -0 python3 - "$(port_of balancer)" <<'PYTHON'
import select, socket, sys
held = [socket.create_connection(("127.0.0.1", int(sys.argv[1])), source_address=("127.0.0.77", 0)) for _ in range(300)]
# Whom the balancer refuses, it hangs up on; the others wait for TLS to begin.
ended = set()
while len(ended) < 300 - 256:
    ready, _, _ = select.select([s for s in held if s not in ended], [], [], 180)
    if not ready:
        break
    ended |= set(ready)
print(300 - len(ended), "are open")
PYTHON
  [ "$output" = '256 are open' ]
}

# hurried ALERT: Prometheus raises it at once, not when it has lasted.
hurried() {
  sed -i "/alert: $1\$/,/labels:/s/for: .*/for: 0s/" "$BED/prometheus.d/rules/network-alerts.yaml"
  kill -HUP "$(bed_pid prometheus)"
}

@test "a second writer under one name, and a Collector that is down, are alerts that reach the team" {
  alertmanager_start
  hurried TwoSendAsOne
  hurried CollectorDown
  node_start twin
  sed 's/^instance: .*/instance: twin/' "$BED/twin.yaml" >"$BED/other.yaml"
  node_do twin 'pay 5'
  bed_wait 30 'the first of both' is 5 value 'transactions_total{source="twin"}'
  nothing 'ALERTS{alertname="TwoSendAsOne"}'
  node_spawn other
  bed_wait 60 'the team to hear of two' grep -qx 'firing TwoSendAsOne twin' "$BED/alerts"
  node_do other stop
  node_do twin stop
  bed_stop collector-1 KILL || true
  bed_wait 60 'the team to hear of the Collector' grep -qx "firing CollectorDown 127.0.0.1:$(port_of collector-1-metrics)" "$BED/alerts"
  replica_start 1
  replica_wait 1
}

backup() { PROMETHEUS=http://127.0.0.1:$(port_of prometheus) "$SERVICE/backup" "$@"; }

@test "a copy made by backup, put into an empty folder, is all that Prometheus had" {
  pay_all 2 2 2
  arrived
  bed_wait 20 'the sums to have all' summed
  at=$(date +%s)
  mkdir "$BED/copies"
  mv "$(backup "$BED/prometheus.tsdb" "$BED/copies")" "$BED/copies/2020-01-01T000000Z"
  copy=$(KEEP=1 TLS=$BED/tls backup "$BED/prometheus.tsdb" "$BED/copies")
  [ "$(ls "$BED/copies")" = "${copy##*/}" ]
  cmp "$copy/tls/nodes.map" "$BED/tls/nodes.map"
  [ -z "$(ls "$BED/prometheus.tsdb/snapshots")" ]
  # At one moment in both: a node that has ended is found for five minutes only.
  now=$(ask "transactions_total @ $at")
  sums=$(value "network:transactions:carried{network=\"testnet\"} @ $at")
  [ -n "$sums" ]
  # What is there is not written over.
  run -1 backup --restore "$copy" "$BED/prometheus.tsdb"
  [[ $output == *'is not empty'* ]]
  mkdir "$BED/prometheus-restored.tsdb"
  backup --restore "$copy" "$BED/prometheus-restored.tsdb"
  prometheus_spawn prometheus-restored public.yaml
  prometheus_wait prometheus-restored
  [ "$(ask "transactions_total @ $at" prometheus-restored)" = "$now" ]
  [ "$(value "network:transactions:carried{network=\"testnet\"} @ $at" prometheus-restored)" = "$sums" ]
  bed_stop prometheus-restored
}

@test "the public Prometheus has nothing about single nodes" {
  [ "$(value 'count({__name__=~"network:.*"})' prometheus-public)" -ge 20 ]
  nothing '{__name__=~".+",__name__!~"network:.*"}' prometheus-public
  nothing '{source=~".+"} or {instance=~".+"}' prometheus-public
}

# Makes a payment each time, so that rates and quantiles of the last seconds have data.
expressions() {
  pay_all 1 1 1
  "$ROOT/build/venv-service/bin/python" "$BATS_TEST_DIRNAME/expressions.py" "http://127.0.0.1:$(port_of prometheus)" \
    "http://127.0.0.1:$(port_of prometheus-public)" "http://127.0.0.1:$(port_of prometheus-own)" >"$BED/expressions"
}

@test "every expression of every dashboard, rule and alert has data of the right shape" {
  bed_wait 30 'every expression' expressions || { cat "$BED/expressions"; false; }
  # All of them: a hundred and more.
  grep -q '^[1-9][0-9][0-9] expressions, 0 wrong' "$BED/expressions"
}

@test "verify sees its canary at every hop, and nothing counts it" {
  arrived
  bed_wait 20 'the sums to have all' summed
  before=$(carried)
  wait=$PATIENCE run -0 verify
  [[ $output == *'passed every hop'* ]]
  [ "$(value 'count(verify_canary{source="verify"})')" = 1 ]
  bed_wait 20 'the canary to be older than the rules' newer_than_canary
  [ "$(carried)" = "$before" ]
  nothing '{__name__=~".+:.+|transactions_total",source="verify"}'
  nothing '{__name__=~"verify.*"} or {source="verify"}' prometheus-public
}

newer_than_canary() { value 'timestamp(network:transactions:carried) > scalar(timestamp(verify_canary{source="verify"}))'; }

# lost HOP WORDS LAST: whether the last run of verify ended with this.
lost() { [[ $output == *"LOST  $1: "*"$2"*"last seen: $3. "* ]] || { echo "$output"; return 1; }; }

# loses HOP WORDS LAST [OPTION...]: whether verify ends with this. When the Collectors are not ready yet, it
# is run again with a longer wait.
loses() {
  local wait
  for wait in 1 5 25 125; do
    run -1 verify "${@:4}"
    if lost "${@:1:3}"; then return; fi
  done
  return 1
}

@test "verify says at which hop the canary was last seen" {
  loses prometheus 'filters have dropped 1 points since' collector --network livenet
  run -1 verify --endpoint "https://127.0.0.1:$(bed_free_port)"
  lost balancer refused here
  run -1 verify --endpoint "https://nosuch.invalid:4317"
  lost balancer 'has no address' here
  run -1 verify --endpoint "http://127.0.0.1:$(port_of prometheus)"
  lost collector '' balancer
  run -1 verify --endpoint "http://127.0.0.1:$(port_of balancer)"
  lost collector '' balancer
  [[ $output == *'write https://'* ]]
  # The system does not trust this authority.
  run -1 "$ROOT/scripts/deploy/verify" --endpoint "$(service_url)" --prometheus "http://127.0.0.1:$(port_of prometheus)"
  lost collector 'TLS failed' balancer
  # The server that answers is something else.
  run -1 verify --prometheus "http://127.0.0.1:$(port_of collector-0-health)"
  lost prometheus '' collector
  # The Collectors do not write to this Prometheus.
  loses prometheus 'has it not' collector --prometheus "http://127.0.0.1:$(port_of prometheus-own)"
  # Parts that the canary does not pass are checked too, each by itself.
  wait=$PATIENCE run -1 verify --public "http://127.0.0.1:$(bed_free_port)" --grafana "http://127.0.0.1:$(port_of collector-0-health)"
  lost public 'does not answer' rules
  lost grafana 'database' rules
  prometheus_spawn prometheus-empty public.yaml
  prometheus_wait prometheus-empty
  wait=$PATIENCE run -1 verify --public "http://127.0.0.1:$(port_of prometheus-empty)"
  lost public 'has no network:transactions:carried' rules
}

@test "livenet's Collector accepts figures of livenet and nothing of testnet" {
  ports collector-2{,-health,-metrics}
  NETWORK=livenet replica_start 2
  replica_wait 2
  endpoint=https://127.0.0.1:$(port_of collector-2)
  NODE_NETWORK=livenet node_start live "  - {url: $endpoint, audience: network, network: livenet, ca: $BED/ca.pem}"
  node_do live 'pay 2'
  for server in prometheus prometheus-public; do
    bed_wait 30 "the year in $server" is 2 value 'network:transactions:count{network="livenet",window="year"}' $server
  done
  wait=$PATIENCE run -0 verify --network livenet --endpoint "$endpoint"
  loses prometheus 'filters have dropped 1 points since' collector --endpoint "$endpoint" \
    --collector-metrics "http://127.0.0.1:$(port_of collector-2-metrics)/metrics"
  node_do live stop
}

@test "verify detects a Collector that is down, a Prometheus that refuses writes, and one that is down" {
  bed_stop collector-0 KILL || true
  bed_wait 20 'Prometheus to know' value 'up{job="collectors"} == 0'
  wait=$PATIENCE run -1 verify
  lost replicas 'not up: ' prometheus
  [[ $output == *'ok    rules'* ]]
  replica_start 0
  replica_wait 0
  bed_stop prometheus || true
  run -1 verify
  lost prometheus 'does not answer' collector
  # As if started without --web.enable-remote-write-receiver.
  RECEIVER='' prometheus_spawn prometheus network.yaml
  prometheus_wait prometheus
  loses prometheus 'given up' collector
  # With Prometheus down, an orderly end would take as long as the Collectors may retry.
  bed_stop collector-0 KILL || true
  bed_stop collector-1 KILL || true
  run -1 verify
  lost collector '' balancer
}

@test "verify says how to call it" {
  run -0 "$ROOT/scripts/deploy/verify" --help
  for word in --endpoint --ca --collector-metrics --wait 'exit status is 0'; do [[ $output == *"$word"* ]]; done
  for wrong in "--endpoint balancer:4317" "--endpoint https://x:99999" "--prometheus prometheus:9090" "--ca /nowhere" "--network mainnet"; do
    # shellcheck disable=SC2086
    run -2 verify $wrong
    [[ $output == *error:* && $output != *Traceback* ]]
  done
}
