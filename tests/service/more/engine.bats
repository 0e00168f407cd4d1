#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# When one Prometheus is not enough: tests the option in network.yaml with real engines.

bats_require_minimum_version 1.5.0

setup() {
  # shellcheck source=tests/e2e/lib.sh
  source "$BATS_TEST_DIRNAME/../../e2e/lib.sh"
  # shellcheck source=tests/service/service.sh
  source "$BATS_TEST_DIRNAME/../service.sh"
  bed_init "$BATS_TEST_TMPDIR/bed"
}

teardown() {
  if [[ -z ${BATS_TEST_COMPLETED:-} ]]; then tail -n 5 "$BED"/{engine,receive-0,receive-1,prometheus}.log 2>/dev/null | cut -c 1-300; fi
  bed_fini
}

# with_engine URL: uncomments the lines of the option and sets the engine's address.
with_engine() {
  cp -r "$SERVICE" "$BED/service"
  sed -i -e "s|^  # - url: http://victoria-metrics:.*|  - url: $1|" -e 's/^  #   name: engine/    name: engine/' \
    "$BED/service/prometheus/network.yaml"
  grep -qF "  - url: $1" "$BED/service/prometheus/network.yaml"
  grep -q '^    name: engine' "$BED/service/prometheus/network.yaml"
  SERVICE=$BED/service
}

is() { [[ $("${@:2}") == "$1" ]]; }

# Makes a payment each time, so that rates and quantiles of the last seconds have data.
expressions() {
  node_do a 'pay 1'
  "$ROOT/build/venv-service/bin/python" "$ROOT/tests/service/expressions.py" "http://127.0.0.1:$(port_of engine)" \
    "http://127.0.0.1:$(port_of engine)" "http://127.0.0.1:$(port_of prometheus-own)" >"$BED/expressions"
}

engine_has_all() {
  service_start testnet
  operator_start
  node_start a "$(network_endpoint testnet)" "$(own_endpoint)"
  node_start b
  node_do a 'pay 5'
  node_do b 'pay 7'
  bed_wait 60 'the totals' is 12 value 'sum(transactions_total)' engine
  bed_wait 60 'the sums' is 12 value 'network:transactions:count{window="year"}' engine
  [ "$(value 'sum(packet_amount_fulfill_total)' engine)" = "$(value 'sum(packet_amount_fulfill_total)')" ]
  # Counts only what nodes sent, not what rules and alerts add at their intervals.
  local nodes='count({job="telltale",__name__!~".+:.+|ALERTS.*|ilp_pay_time_ms_bucket"})'
  local want
  want=$(value "$nodes")
  bed_wait 60 'every series' is "$want" value "$nodes" engine
  bed_wait 60 'every expression' expressions || { cat "$BED/expressions"; false; }
}

@test "VictoriaMetrics, of one node, gets every total and every sum, and answers every expression of the dashboards" {
  ports engine
  with_engine "http://127.0.0.1:$(port_of engine)/api/v1/write"
  bed_spawn engine "$PARTS/victoria-metrics" -storageDataPath="$BED/engine.data" -retentionPeriod=400d \
    -httpListenAddr="127.0.0.1:$(port_of engine)" -search.latencyOffset=0s -search.disableCache
  bed_wait 30 'the engine' curl --silent --fail "http://127.0.0.1:$(port_of engine)/health"
  engine_has_all
}

# receive NUMBER: starts one of the two receivers; each passes on what belongs to the other.
receive() {
  local name=receive-$1
  bed_spawn "$name" "$PARTS/thanos" receive --tsdb.path="$BED/$name.data" --label="replica=\"$1\"" --tsdb.retention=400d \
    --tsdb.out-of-order.time-window=1h --grpc-address="127.0.0.1:$(port_of "$name-grpc")" \
    --http-address="127.0.0.1:$(port_of "$name-http")" --remote-write.address="127.0.0.1:$(port_of "$name")" \
    --receive.capnproto-address="127.0.0.1:$(port_of "$name-capnproto")" \
    --receive.local-endpoint="127.0.0.1:$(port_of "$name-grpc")" --receive.hashrings-file="$BED/hashring.json"
}

stored_by() { curl --silent --fail "http://127.0.0.1:$(port_of "receive-$1-http")/metrics" | awk '/^prometheus_tsdb_head_series{/ { n += $NF } END { exit n < 10 }'; }

@test "Thanos, distributed over two receivers, gets every total and every sum, and answers every expression of the dashboards" {
  ports engine engine-grpc receive-{0,1}{,-grpc,-http,-capnproto}
  with_engine "http://127.0.0.1:$(port_of receive-0)/api/v1/receive"
  printf '[{"hashring": "all", "endpoints": [{"address": "127.0.0.1:%s"}, {"address": "127.0.0.1:%s"}]}]\n' \
    "$(port_of receive-0-grpc)" "$(port_of receive-1-grpc)" >"$BED/hashring.json"
  receive 0
  receive 1
  bed_spawn engine "$PARTS/thanos" query --http-address="127.0.0.1:$(port_of engine)" \
    --grpc-address="127.0.0.1:$(port_of engine-grpc)" --endpoint="127.0.0.1:$(port_of receive-0-grpc)" \
    --endpoint="127.0.0.1:$(port_of receive-1-grpc)" --query.replica-label=replica
  for port in engine receive-{0,1}-http; do
    bed_wait 60 "$port" curl --silent --fail "http://127.0.0.1:$(port_of "$port")/-/ready"
  done
  engine_has_all
  # Each receiver holds a part.
  stored_by 0
  stored_by 1
}
