#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# What an operator types and reads: check, peers, and a daemon that outlives its connector.

load helper

pay_over_tls() {
  connector_pay alice "{\"payments\":16,\"concurrency\":4,$(to "$1")}"
}

# Prints how many Prepares the connector counted that may never have left it.
connector_trouble() {
  echo "$(connector_truth alice originated http_errors) HTTP errors," \
    "$(connector_truth alice originated expired) expired"
}

@test "a connector started, and started again, after telltale is read, TLS too" {
  receiver_tls bob
  url=https://localhost:$(connector_port bob)
  mkdir "$BED_CGROUP/alice"
  telltale_config tt "$BED_CGROUP/alice"
  telltale_start tt
  sender alice "$url"
  bed_wait 10 'the new process to be noticed' grep -q 'reading the TLS' "$BED/tt.log"
  pay_over_tls "$url"
  connector_count alice
  first=$(connector_truth alice originated prepares)
  trouble=$(connector_trouble)
  bed_stop alice
  : >"$BED/tt.log"
  sender alice "$url"
  bed_wait 10 'the next process to be noticed' grep -q 'reading the TLS' "$BED/tt.log"
  pay_over_tls "$url"
  telltale_stop tt
  [ "$first" -gt 16 ]
  echo "first $first, second $(connector_truth alice originated prepares), telltale $(cat "$BED/tt.truth")"
  echo "the connector's own trouble: $trouble $(connector_trouble)"
  echo "telltale could not see: $(awk '/unseen|gap|unmatched|dropped/ && $NF > 0' "$BED/tt.metrics")"
  [ "$(telltale_truth tt prepares)" = $((first + $(connector_truth alice originated prepares))) ]
}

@test "the documented capabilities are enough, and no others are kept" {
  receiver_tls bob
  url=https://localhost:$(connector_port bob)
  sender alice "$url"
  telltale_config tt "$(connector_cgroup alice)"
  program=$TELLTALE
  cat >"$BED/confined" <<CONFINED
#!/bin/sh
exec setpriv --bounding-set=-all,+bpf,+net_admin,+perfmon,+sys_ptrace,+dac_read_search \
  --inh-caps=-all "$program" "\$@"
CONFINED
  chmod +x "$BED/confined"
  TELLTALE=$BED/confined telltale_start tt
  pay_over_tls "$url"
  kept=$(sed -n 's/^CapPrm:[[:space:]]*//p' "/proc/$(bed_pid tt)/status")
  # bpf 39, perfmon 38, sys_ptrace 19, dac_read_search 2
  [ $((16#$kept)) = $(((1 << 39) | (1 << 38) | (1 << 19) | (1 << 2))) ]
  # The daemon half has none, and no way to one; both have a filter of system calls.
  daemon=/proc/$(telltale_daemon_pid tt)/status
  for set in CapInh CapPrm CapEff CapAmb; do
    [ $((16#$(awk -v set="$set:" '$1 == set { print $2 }' "$daemon"))) = 0 ]
  done
  for status in "$daemon" "/proc/$(bed_pid tt)/status"; do
    grep -qE '^NoNewPrivs:\s+1$' "$status"
    grep -qE '^Seccomp:\s+2$' "$status"
  done
  telltale_stop tt
  exactly tt alice
}

@test "check says of each thing whether it works, and otherwise the fix" {
  receiver bob
  sender alice "http://127.0.0.1:$(connector_port bob)"
  telltale_config tt "$(connector_cgroup alice)"
  # On a terminal it says what takes long, until that is done.
  run script -qec "$TELLTALE check --config $BED/tt.yaml" /dev/null
  echo "$output"
  [ "$status" = 0 ]
  [[ $output == *'the kernel verifies them'* ]]
  output=$(sed $'s/.*\e\\[K//; s/\r//' <<<"$output")
  for line in 'ok +consent' 'ok +kernel' 'ok +cgroup' 'ok +capabilities' \
    'ok +target .*1 process whose TLS' 'ok +programs' 'ok +rates' 'ok +collector .*nothing leaves' 'ok +listen'; do
    grep -qE "^$line" <<<"$output"
  done
  # HTTP/2's tables are empty as long as nobody speaks it, where the kernel lets them grow.
  if printf '%s\n' 6.1 "$(uname -r)" | sort --check=quiet --version-sort; then
    grep -qE '^ok +memory .*up to [1-9][0-9.]* MB more as HTTP/2 needs it' <<<"$output"
  fi

  telltale_config broken /no/such/cgroup 'endpoints:' \
    "$(telltale_endpoint http://127.0.0.1:9 own 60s)"
  sed -i 's/^enabled: true/enabled: false/; s/rates.json/none.json/' "$BED/broken.yaml"
  sed -i "s|^listen: .*|listen: unix:/no/such/page.sock|" "$BED/broken.yaml"
  run "$TELLTALE" check --config "$BED/broken.yaml"
  echo "$output"
  [ "$status" = 1 ]
  for line in 'FAIL +consent .*enabled: true' 'warn +target .*no cgroup' 'FAIL +rates .*none.json.*put the document there' 'FAIL +rates .*no rate of EUR' \
    'FAIL +collector .*refused' 'FAIL +listen .*directory'; do
    grep -qiE "^$line" <<<"$output"
  done
  sed -i 's/^listen: .*/listen: 192.0.2.1:9464/' "$BED/broken.yaml"
  echo "listen_token: $BED/token" >>"$BED/broken.yaml"
  (umask 077 && openssl rand -hex 32 >"$BED/token")
  run -1 --separate-stderr "$TELLTALE" check --json --config "$BED/broken.yaml"
  python3 - "$output" <<'PYTHON'
import json, sys
d = json.loads(sys.argv[1])
said = [(c["verdict"], c["check"]) for c in d["checks"]]
assert d["failed"] == sum(v == "fail" for v, _ in said) > 3 and d["warnings"] == sum(v == "warn" for v, _ in said), d
assert {v for v, _ in said} == {"ok", "warn", "fail"} and ("fail", "consent") in said, said
assert any("an address of this host" in c["text"] for c in d["checks"] if c["check"] == "listen"), d
PYTHON
}

# check_names_both: for bed_wait.
check_names_both() {
  "$TELLTALE" check --config "$BED/tt.yaml" >"$BED/checked"
  grep -qE '^warn +target .*no readable TLS library in sleep' "$BED/checked" &&
    grep -qE "^warn +target .*process $(bed_pid tt) already watches" "$BED/checked" &&
    # What it has loaded is not loaded once more.
    grep -qE '^ok +programs .*by the telltale that runs' "$BED/checked"
}

@test "check names a process whose TLS cannot be read, and one that already watches" {
  mkdir "$BED_CGROUP/shell"
  bed_spawn shell "$ROOT/tests/e2e/in-cgroup" "$BED_CGROUP/shell" sleep infinity
  telltale_config tt "$BED_CGROUP/shell"
  telltale_start tt
  bed_wait 5 'the process' grep -qx sleep "/proc/$(bed_pid shell)/comm"
  # It asks the telltale that runs, which may be late to answer.
  bed_wait 20 'check to name both' check_names_both || {
    cat "$BED/checked"
    return 1
  }
  telltale_stop tt
}

@test "print-config shows each value and where it came from" {
  telltale_config tt /x
  run env INSTANCE_NAME=other OTEL_SERVICE_NAME=probe "$TELLTALE" check --print-config --config "$BED/tt.yaml"
  [ "$status" = 0 ]
  grep -qE "^instance: tt +# $BED/tt.yaml:2" <<<"$output"
  grep -qE 'service.name: probe +# environment OTEL_SERVICE_NAME' <<<"$output"
  grep -qE '^ +min_bucket: 2500 +# default' <<<"$output"
}

@test "peers prints the endpoints seen, to paste into the configuration" {
  receiver bob
  url=http://127.0.0.1:$(connector_port bob)
  sender alice "$url"
  telltale_config tt "$(connector_cgroup alice)"
  sed -i '/^default_asset/d' "$BED/tt.yaml"
  run "$TELLTALE" peers --config "$BED/tt.yaml"
  [ "$status" = 1 ]
  grep -q 'telltale run' <<<"$output"
  telltale_start tt
  connector_pay alice "{\"payments\":2,\"concurrency\":1,$(to "$url")}"
  bed_wait 5 'the endpoint to be seen' seen_endpoint "${url#http://}"
  "$TELLTALE" peers --config "$BED/tt.yaml" >"$BED/seen"
  run ! grep -q secret-of-alice "$BED/seen"
  "$TELLTALE" peers --json --config "$BED/tt.yaml" >"$BED/seen.json"
  python3 - "$BED/seen.json" "${url#http://}" <<'PYTHON'
import json, sys
peer, = (p for p in json.load(open(sys.argv[1]))["peers"] if p["endpoint"].startswith(sys.argv[2]))
assert peer["role"] == "client" and len(peer["token"]) == 16 and peer["asset"] is None and peer["by"] is None, peer
PYTHON
  # Pasted into the configuration with assets filled in, it attributes packets that had no asset before.
  { echo peers: && sed -E 's/asset: .*/asset: {code: EUR, scale: 6}/' "$BED/seen"; } >>"$BED/tt.yaml"
  telltale_stop tt
  connector_count alice
  cp "$BED/alice.count" "$BED/before"
  telltale_start tt
  connector_pay alice "{\"payments\":2,\"concurrency\":1,$(to "$url")}"
  telltale_stop tt
  OPEN_BEFORE=1 exactly tt alice "$BED/before"
}

seen_endpoint() {
  "$TELLTALE" peers --config "$BED/tt.yaml" | grep -qF "$1"
}

@test "SIGTERM ends it in order, though a collector never answers" {
  mkdir "$BED_CGROUP/none"
  bed_spawn silent python3 "$BATS_TEST_DIRNAME/listener.py" "$BED/silent" 0
  bed_wait 10 'the silent collector' test -e "$BED/silent.ready"
  # An export to this endpoint waits longer than bed_stop does.
  telltale_config tt "$BED_CGROUP/none" 'endpoints:' \
    "$(telltale_endpoint "http://127.0.0.1:$(cat "$BED/silent.port")" own 5m)"
  telltale_start tt
  bed_stop tt
}
