#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Checks the files of scripts/deploy/service and scripts/deploy/node, each with the program that reads it.

bats_require_minimum_version 1.5.0

setup_file() {
  (cd "$BATS_TEST_DIRNAME/../.." && scripts/parts schema) >&2
  make -C "$BATS_TEST_DIRNAME/../.." --no-print-directory -s build/venv-service/ready >&2
}

setup() {
  ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
  PARTS=$ROOT/build/parts
  SERVICE=$ROOT/scripts/deploy/service
  PYTHON=$ROOT/build/venv-service/bin/python
}

@test "promtool finds nothing wrong with the configurations and the rules" {
  "$PARTS/promtool" check rules "$SERVICE"/prometheus/rules/*.yaml
  "$PARTS/promtool" check config "$SERVICE"/prometheus/{network,public,operator}.yaml
}

@test "amtool finds nothing wrong with the Alertmanager's configuration, and an alert goes to the team" {
  file=$SERVICE/alertmanager/alertmanager.yaml
  "$PARTS/amtool" check-config "$file"
  for severity in critical warning info; do
    [ "$("$PARTS/amtool" config routes test --config.file="$file" severity=$severity 2>/dev/null)" = team ]
  done
  # Each severity that the rules know.
  [ "$(grep -rhoE 'severity: [a-z]+' "$SERVICE/prometheus/rules" | sort -u | tr '\n' ' ')" = 'severity: critical severity: info severity: warning ' ]
  sed 's/repeat_interval: 1h/repeat_interval: often/' "$file" >"$BATS_TEST_TMPDIR/planted.yaml"
  run -1 "$PARTS/amtool" check-config "$BATS_TEST_TMPDIR/planted.yaml"
}

@test "each alert is raised by its cause and by nothing else; the windows count exactly, for a year" {
  "$PYTHON" "$BATS_TEST_DIRNAME/rules_test.py" "$BATS_TEST_TMPDIR"
  "$PARTS/promtool" test rules "$BATS_TEST_TMPDIR"/*.json
}

@test "the Collector takes the configurations of testnet, livenet and sidecar" {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=x \
    -keyout "$BATS_TEST_TMPDIR/key" -out "$BATS_TEST_TMPDIR/cert" 2>/dev/null
  export TLS_CERT=$BATS_TEST_TMPDIR/cert TLS_KEY=$BATS_TEST_TMPDIR/key
  for network in testnet livenet; do
    "$PARTS/otelcol" validate --config "$SERVICE/collector/network.yaml" --config "$SERVICE/collector/$network.yaml"
    "$PARTS/otelcol" validate --config "$SERVICE/collector/network.yaml" --config "$SERVICE/collector/door.yaml" \
      --config "$SERVICE/collector/$network.yaml"
  done
  "$PARTS/otelcol" validate --config "$SERVICE/collector/sidecar.yaml"
  # Without the file of a network it must not start, since it would have no network label.
  run "$PARTS/otelcol" validate --config "$SERVICE/collector/network.yaml"
  [ "$status" -ne 0 ]
}

@test "the Collector's list of the network's metrics is telltale's" {
  allowed=$(sed -n 's/.*not IsMatch(name, "^(\(.*\))\$").*/\1/p' "$SERVICE/collector/network.yaml")
  while read -r name; do [[ $name =~ ^($allowed)$ ]]; done < <(
    sed -n 's/^\tMETRIC([A-Z_]*, "\([a-z_]*\)", [A-Z]*, NETWORK,.*/\1/p' "$ROOT/user/release/metrics.h" | tee "$BATS_TEST_TMPDIR/names")
  [ "$(wc -l <"$BATS_TEST_TMPDIR/names")" -ge 8 ]
  while read -r name; do [[ ! $name =~ ^($allowed)$ ]]; done < <(
    sed -n 's/^\tMETRIC([A-Z_]*, "\([a-z_]*\)", [A-Z]*, OWN,.*/\1/p' "$ROOT/user/release/metrics.h")
}

@test "the dashboards are those that make-dashboards makes, and Grafana's model knows all that is in them" {
  "$SERVICE/grafana/make-dashboards" "$BATS_TEST_TMPDIR"
  for board in public network operator rafiki; do
    diff "$BATS_TEST_TMPDIR/$board.json" "$SERVICE/grafana/dashboards/$board.json"
  done
  "$PYTHON" "$BATS_TEST_DIRNAME/dashboards.py"
}

@test "the dashboards are what Grafana's own types say, and what they do not allow is found" {
  node "$BATS_TEST_DIRNAME/schema/check.mjs" "$SERVICE"/grafana/dashboards/*.json
  # Planted errors: a wrong key, enumeration, type, missing key, panel of another kind, number, key of a
  # query.
  n=0
  while read -r edit; do
    n=$((n + 1))
    sed "$edit" "$SERVICE/grafana/dashboards/network.json" >"$BATS_TEST_TMPDIR/planted$n.json"
    run ! cmp -s "$BATS_TEST_TMPDIR/planted$n.json" "$SERVICE/grafana/dashboards/network.json"
  done <<'EDITS'
0,/"drawStyle"/s//"drawStile"/
s/"graphMode": "area"/"graphMode": "no"/
s/"w": 24/"w": "24"/
s/"wideLayout": false,//
s/"type": "table"/"type": "stat"/
s/"refresh": 2/"refresh": 7/
s/"range": false,//
EDITS
  run -1 node "$BATS_TEST_DIRNAME/schema/check.mjs" "$BATS_TEST_TMPDIR"/planted*.json
  for planted in $(seq $n); do [[ $output == *"planted$planted.json:"* ]] || { echo "$planted is not found: $output"; false; }; done
}

@test "Rafiki's own queries are in its dashboard to the letter" {
  while read -r expression; do
    grep -qF "\"expr\": $("$PYTHON" -c 'import json, sys; print(json.dumps(sys.argv[1]))' "$expression")" \
      "$SERVICE/grafana/dashboards/rafiki.json"
  done <<'PROMQL'
(increase(packet_amount_fulfill_total[30s]) * 0.5 * 0.0001)
sum by (source) (round(increase(transactions_total[30s]) * 0.5))
histogram_quantile(0.25, ilp_pay_time_ms_bucket)
histogram_quantile(0.50, ilp_pay_time_ms_bucket)
histogram_quantile(0.75, ilp_pay_time_ms_bucket)
histogram_quantile(0.50, sum by (le, operation) (rate(ilp_prepare_packet_processing_ms_bucket[$__rate_interval])))
histogram_quantile(0.95, sum by (le, operation) (rate(ilp_prepare_packet_processing_ms_bucket[$__rate_interval])))
sum(rate(ilp_payment_round_trip_ms_sum[$__rate_interval])) by (error) / sum(rate(ilp_payment_round_trip_ms_count[$__rate_interval])) by (error)
PROMQL
}

@test "telltale's own manifests are Kubernetes', ask for the documented capabilities only, and start nothing by themselves" {
  node=$ROOT/scripts/deploy/node
  "$PYTHON" "$BATS_TEST_DIRNAME/node.py" "$node" "$ROOT/scripts/deploy/OPERATOR.md"
  # Planted errors: a wrong key, a wrong type, privileges, a network, a token, a start without configuration.
  n=0
  while read -r file edit; do
    n=$((n + 1))
    cp -r "$node" "$BATS_TEST_TMPDIR/planted$n"
    sed -i "$edit" "$BATS_TEST_TMPDIR/planted$n/$file"
    run ! cmp -s "$node/$file" "$BATS_TEST_TMPDIR/planted$n/$file"
    run -1 "$PYTHON" "$BATS_TEST_DIRNAME/node.py" "$BATS_TEST_TMPDIR/planted$n" "$ROOT/scripts/deploy/OPERATOR.md"
  done <<'EDITS'
daemonset.yaml s/terminationGracePeriodSeconds/terminationGraceSeconds/
daemonset.yaml s/hostPID: true/hostPID: 1/
daemonset.yaml s/add: \[BPF,/add: [SYS_ADMIN, BPF,/
daemonset.yaml s/allowPrivilegeEscalation: false/privileged: true/
daemonset.yaml s/hostPID: true/hostPID: true\n      hostNetwork: true/
daemonset.yaml s/automountServiceAccountToken: false/automountServiceAccountToken: true/
daemonset.yaml s/secretName: telltale,/secretName: telltale, optional: true,/
compose.yaml s/network_mode: none/network_mode: host/
compose.yaml s/cap_add: \[BPF/cap_add: [SYS_MODULE, BPF/
seccomp.json s/"bpf",/"bpf", "mount",/
EDITS
}
