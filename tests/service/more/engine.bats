#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Where one Prometheus is not enough: the option in network.yaml, into a real VictoriaMetrics.

bats_require_minimum_version 1.5.0

setup() {
  # shellcheck source=tests/e2e/lib.sh
  source "$BATS_TEST_DIRNAME/../../e2e/lib.sh"
  # shellcheck source=tests/service/service.sh
  source "$BATS_TEST_DIRNAME/../service.sh"
  bed_init "$BATS_TEST_TMPDIR/bed"
}

teardown() { bed_fini; }

# The lines of the option, uncommented.
with_engine() {
  cp -r "$SERVICE" "$BED/service"
  sed -i -e 's/^  # \(- url: http:..\)victoria-metrics:8428/  \1127.0.0.1:'"$(port_of engine)"'/' \
    -e 's/^  #   name: engine/    name: engine/' "$BED/service/prometheus/network.yaml"
  grep -q '^    name: engine' "$BED/service/prometheus/network.yaml"
  SERVICE=$BED/service
}

is() { [[ $("${@:2}") == "$1" ]]; }

@test "a distributed engine gets every total and every sum, and answers every expression of the dashboards" {
  ports engine
  with_engine
  bed_spawn engine "$PARTS/victoria-metrics" -storageDataPath="$BED/engine.data" -retentionPeriod=400d \
    -httpListenAddr="127.0.0.1:$(port_of engine)" -search.latencyOffset=0s -search.disableCache
  bed_wait 30 'the engine' curl --silent --fail "http://127.0.0.1:$(port_of engine)/health"
  service_start testnet
  operator_start
  node_start a "$(network_endpoint testnet)" "$(own_endpoint)"
  node_start b
  node_do a 'pay 5'
  node_do b 'pay 7'
  bed_wait 60 'the totals' is 12 value 'sum(transactions_total)' engine
  bed_wait 60 'the sums' is 12 value 'network:transactions:count{window="year"}' engine
  [ "$(value 'sum(packet_amount_fulfill_total)' engine)" = "$(value 'sum(packet_amount_fulfill_total)')" ]
  [ "$(value 'count({job="telltale"})' engine)" = "$(value 'count({job="telltale"})')" ]
  node_do a 'pay 1'
  bed_wait 60 'every expression' "$ROOT/build/venv-service/bin/python" "$ROOT/tests/service/expressions.py" \
    "http://127.0.0.1:$(port_of engine)" "http://127.0.0.1:$(port_of engine)" "http://127.0.0.1:$(port_of prometheus-own)" ||
    { "$ROOT/build/venv-service/bin/python" "$ROOT/tests/service/expressions.py" \
    "http://127.0.0.1:$(port_of engine)" "http://127.0.0.1:$(port_of engine)" "http://127.0.0.1:$(port_of prometheus-own)"; false; }
}
