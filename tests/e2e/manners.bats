#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# What a host expects of a service: who may look, how it starts, reloads and stops.

load helper

# Others may not enter the bed, but this.
setup_file() {
  OPEN=$(mktemp -d)
  export OPEN
  chmod 755 "$OPEN"
}

teardown_file() {
  rm -rf "$OPEN"
}

# as USER GROUP COMMAND...: runs it with this user and this group only, and no capability.
as() {
  setpriv --reuid "$1" --regid "$2" --clear-groups --bounding-set=-all --inh-caps=-all "${@:3}"
}

@test "as packaged, the page and the socket of the commands are for root and a group, and for nobody else" {
  example=$ROOT/scripts/deploy/telltale.yaml
  grep -qx 'listen: unix:/run/telltale/page.sock' "$example"
  grep -qx 'listen_group: telltale' "$example"
  grep -qx 'Group=telltale' "$ROOT/scripts/deploy/telltale.service"
  grep -qx 'g telltale -' "$ROOT/scripts/deploy/telltale.sysusers"
  mkdir "$BED_CGROUP/alice"
  telltale_config tt "$BED_CGROUP/alice" 'listen_group: mail'
  sed -i "s,^listen: .*,listen: unix:$OPEN/page.sock,; s,^run_dir: .*,run_dir: $OPEN," "$BED/tt.yaml"
  telltale_start tt
  for socket in page control; do
    [ "$(stat -c '%a %U %G' "$OPEN/$socket.sock")" = '660 root mail' ]
  done
  run ! as nobody nogroup curl -s --unix-socket "$OPEN/page.sock" http://localhost/metrics
  run ! as nobody nogroup curl -s --unix-socket "$OPEN/control.sock" http://localhost/peers
  as nobody mail curl -sf --unix-socket "$OPEN/page.sock" http://localhost/metrics >"$BED/metrics"
  grep -q '^telltale_coverage_complete' "$BED/metrics"
  as nobody mail curl -sf --unix-socket "$OPEN/control.sock" http://localhost/peers
  bed_stop tt
}

# reload NAME: sends SIGHUP and waits until telltale has taken the configuration, or has not.
reload() {
  : >"$BED/$1.log"
  kill -HUP "$(bed_pid "$1")"
  bed_wait 30 "$1 to say what it did" grep -Eq 'new configuration is in use|of before stays' "$BED/$1.log"
}

@test "the service manager is notified: ready when it counts, alive, reloading, stopping" {
  mkdir "$BED_CGROUP/alice"
  telltale_config tt "$BED_CGROUP/alice"
  bed_spawn manager python3 "$BATS_TEST_DIRNAME/notified.py" "$BED/notify" "$BED/notified"
  bed_wait 10 'the manager' test -S "$BED/notify"
  telltale_start tt NOTIFY_SOCKET="$BED/notify" WATCHDOG_USEC=60000000
  bed_wait 10 'a sign of life' grep -qx WATCHDOG=1 "$BED/notified"
  [ "$(head -n 1 "$BED/notified")" = READY=1 ]
  curl -sf "$(sed -n 's,^listen: *,http://,p' "$BED/tt.yaml")/readyz"
  curl -sf "$(sed -n 's,^listen: *,http://,p' "$BED/tt.yaml")/healthz"
  reload tt
  bed_wait 10 'it to be ready again' same echo 2 -- grep -cx READY=1 "$BED/notified"
  grep -q '^RELOADING=1 MONOTONIC_USEC=[0-9]*$' "$BED/notified"
  telltale_stop tt
  bed_wait 10 'its last word' same echo STOPPING=1 -- tail -n 1 "$BED/notified"
}

# holds NAME: whether SIGHUP waits there.
holds() {
  ((0x$(awk '$1 == "SigBlk:" { print $2 }' "/proc/$(bed_pid "$1")/status") & 1))
}

@test "SIGHUP while telltale begins is heeded as soon as it has begun" {
  mkdir "$BED_CGROUP/alice"
  telltale_config tt "$BED_CGROUP/alice"
  bed_spawn tt env -i PATH="$PATH" "$TELLTALE" run --config "$BED/tt.yaml"
  bed_wait 10 'it to begin' holds tt
  kill -HUP "$(bed_pid tt)"
  bed_wait 120 'telltale' telltale_ready tt
  bed_wait 30 'the reload' grep -q 'the new configuration is in use' "$BED/tt.log"
  bed_stop tt
}

@test "SIGHUP takes peers, rates and endpoints without losing an exchange" {
  receiver bob
  url=http://127.0.0.1:$(connector_port bob)
  sender alice "$url"
  collector_start first
  collector_start second
  telltale_config tt "$(connector_cgroup alice)" 'endpoints:' "$(telltale_endpoint "$(collector_url first)" own)"
  sed -i 's/^default_asset: .*/default_asset: {code: XYZ, scale: 6}/' "$BED/tt.yaml"
  telltale_start tt
  connector_pay alice "{\"payments\":24,\"concurrency\":8,$(to "$url")}" &
  paying=$!
  sed -i "s,$(collector_url first),$(collector_url second),; s/code: XYZ/code: EUR/" "$BED/tt.yaml"
  reload tt
  wait $paying
  grep -q 'the new configuration is in use' "$BED/tt.log"
  connector_pay alice "{\"payments\":8,\"concurrency\":8,\"seed\":2,$(to "$url")}"
  connector_count alice
  bed_wait 20 'all to arrive at the second collector' \
    same connector_truth alice originated prepares -- collector_sum second packet_count_prepare
  [ "$(collector_exports first)" -ge 1 ]
  [ "$(telltale_metric tt packet_amount_fulfill)" -gt 0 ]
  # The answer to the first export may come after its figures.
  bed_wait 20 'an export to be counted' at_least 1 telltale_metric tt telltale_exports_total "endpoint=\"$(collector_url second)\""
  telltale_stop tt
  [ "$(telltale_truth tt prepares)" = "$(connector_truth alice originated prepares)" ]
}

# The file is good when the new configuration is checked, and is not when the exporter of before has ended: that one waits
# for an answer meanwhile, from a collector that is stopped.
@test "SIGHUP while a certificate authority's file is being replaced: exports go on when the file is whole again" {
  mkdir "$BED_CGROUP/alice"
  bed_certificates
  cp "$BED/ca.pem" "$BED/replaced.pem"
  COLLECTOR_TLS=$BED collector_start main
  telltale_config tt "$BED_CGROUP/alice" 'endpoints:' "  - {url: \"https://localhost:$(cat "$BED/main.port")\", audience: own, ca: $BED/replaced.pem}"
  telltale_start tt
  bed_wait 20 'an export' at_least 1 telltale_metric tt telltale_exports_total
  kill -STOP "$(bed_pid main)"
  bed_pause 2 # an export begins each second, and has no answer
  kill -HUP "$(bed_pid tt)"
  bed_wait 30 'the configuration to be checked' grep -q 'the collectors of before get what is left' "$BED/tt.log"
  : >"$BED/replaced.pem"
  bed_wait 30 'the exporter of before to end' grep -q 'the new configuration is in use' "$BED/tt.log"
  kill -CONT "$(bed_pid main)"
  grep -q 'nothing is exported; it is tried again' "$BED/tt.log"
  curl -sf "$(sed -n 's,^listen: *,http://,p' "$BED/tt.yaml")/status.json" | grep -q 'the exporter could not be started'
  cp "$BED/ca.pem" "$BED/replaced.pem"
  bed_wait 60 'it to be exported again' grep -q 'exporting again' "$BED/tt.log"
  before=$(collector_exports main)
  bed_wait 60 'more exports' at_least $((before + 2)) collector_exports main
  telltale_stop tt
}

@test "SIGHUP with a wrong configuration changes nothing and says why; without consent it stops" {
  mkdir "$BED_CGROUP/alice" "$BED_CGROUP/bob"
  telltale_config tt "$BED_CGROUP/alice"
  telltale_start tt
  without_landlock=$(grep -c 'this kernel has no Landlock' "$BED/tt.log" || true)
  cp "$BED/tt.yaml" "$BED/good.yaml"
  echo 'no_such_key: 1' >>"$BED/tt.yaml"
  reload tt
  grep -q "tt.yaml:[0-9]*:1: .*no_such_key" "$BED/tt.log"
  grep -q 'the configuration of before stays in use, unchanged' "$BED/tt.log"
  sed "s,cgroup: .*,cgroup: $BED_CGROUP/bob," "$BED/good.yaml" >"$BED/tt.yaml"
  reload tt
  grep -q '.targets. was changed, and only a restart can change it' "$BED/tt.log"
  sed '$a endpoints: [{url: "https://127.0.0.1:9", audience: own, ca: /no/such/file}]' "$BED/good.yaml" >"$BED/tt.yaml"
  reload tt
  grep -q '/no/such/file' "$BED/tt.log"
  grep -q 'the configuration of before stays in use' "$BED/tt.log"
  # What it may open was settled when it started; a file in another directory is named, with the fix.
  mkdir "$BATS_TEST_TMPDIR/elsewhere"
  cp "$BED/rates.json" "$BATS_TEST_TMPDIR/elsewhere/"
  sed "s,operator: .*,operator: $BATS_TEST_TMPDIR/elsewhere/rates.json," "$BED/good.yaml" >"$BED/tt.yaml"
  if ((without_landlock == 0)); then
    reload tt
    grep -q 'elsewhere/rates.json is in a directory that no file was in when telltale started' "$BED/tt.log"
    grep -q 'the configuration of before stays in use' "$BED/tt.log"
  fi
  [ "$(telltale_metric tt telltale_coverage_complete)" = 1 ]
  sed 's/^enabled: .*/enabled: false/' "$BED/good.yaml" >"$BED/tt.yaml"
  kill -HUP "$(bed_pid tt)"
  bed_wait 20 'it to stop' eval '! bed_alive tt'
  grep -q 'tt.yaml): stopping' "$BED/tt.log"
  grep -q 'consent\|enabled' "$BED/tt.log"
}

@test "without bpf(), without /sys and without certificate authorities check names the reason" {
  mkdir "$BED_CGROUP/alice"
  telltale_config tt "$BED_CGROUP/alice" 'endpoints: [{url: "https://127.0.0.1:9", audience: own}]'
  run -1 "$BATS_TEST_DIRNAME/without-bpf" "$TELLTALE" check --config "$BED/tt.yaml"
  echo "$output"
  [[ $output == *'programs '*'a seccomp filter refuses bpf() to this process'* ]]
  # shellcheck disable=SC2016
  run -1 unshare --mount sh -c 'mount -t tmpfs none /sys && "$0" check --config "$1"' "$TELLTALE" "$BED/tt.yaml"
  echo "$output"
  [[ $output == *'programs '*'mount /sys here'* ]]
  # shellcheck disable=SC2016
  run -1 unshare --mount sh -c 'mount -t tmpfs none /etc/ssl && ! [ -d /usr/share/grpc ] ||
    mount -t tmpfs none /usr/share/grpc && "$0" check --config "$1"' "$TELLTALE" "$BED/tt.yaml"
  echo "$output"
  [[ $output == *'collector '*'no certificate authorities on this host: install ca-certificates'* ]]
}

@test "check fails for an asset without a rate, a code in lower case, and a port that another program has" {
  mkdir "$BED_CGROUP/alice"
  telltale_config tt "$BED_CGROUP/alice" 'peers: [{name: bob, endpoint: "bob.example/", asset: {code: XAU, scale: 2}}]'
  sed -i 's/code: EUR/code: eur/' "$BED/tt.yaml"
  port=$(sed -n 's/^listen: .*://p' "$BED/tt.yaml")
  bed_spawn holder python3 -c "import socket, time; s = socket.create_server(('127.0.0.1', $port)); time.sleep(600)"
  bed_wait 10 'the port to be taken' eval "exec 9<>/dev/tcp/127.0.0.1/$port"
  run -1 "$TELLTALE" check --config "$BED/tt.yaml"
  echo "$output"
  for line in 'rates +no rate of eur, the asset of default_asset.*write EUR' \
    'rates +no rate of XAU, the asset of the peer bob.*name a source' 'listen +.*another port'; do
    grep -qE "^FAIL +$line" <<<"$output"
  done
}

@test "a clock that nobody has set is waited for; no point is of 1970" {
  mkdir "$BED_CGROUP/alice"
  make -s -C "$ROOT" build/tests/clock.so
  telltale_config tt "$BED_CGROUP/alice"
  echo $((-$(date +%s) + 100)) >"$BED/clock"
  telltale_spawn tt LD_PRELOAD="$ROOT/build/tests/clock.so" CLOCK_FILE="$BED/clock"
  bed_wait 30 'it to wait' grep -q 'it was not set yet: counting begins when it is' "$BED/tt.log"
  run ! telltale_ready tt
  echo 0 >"$BED/clock.new"
  mv "$BED/clock.new" "$BED/clock"
  bed_wait 120 'it to be ready' telltale_ready tt
  [ "$(telltale_snapshot tt)" -gt 1700000000 ]
  telltale_stop tt
}

@test "when its terminal is closed it ends as on SIGTERM" {
  mkdir "$BED_CGROUP/alice"
  telltale_config tt "$BED_CGROUP/alice"
  python3 - "$TELLTALE" "$BED/tt.yaml" <<'PYTHON'
import os, pty, sys
child, terminal = pty.fork()
if not child:
    os.execv(sys.argv[1], [sys.argv[1], "run", "--config", sys.argv[2]])
said = b""
while b"run: ready" not in said:
    said += os.read(terminal, 4096)
os.close(terminal)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
sys.exit(f"it ended with {status}" if status else 0)
PYTHON
}
