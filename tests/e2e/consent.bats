#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Nobody is measured without having opted in, in telltale's own configuration.

load helper

# Runs telltale in a network namespace of its own, whose loopback counts every packet, since nothing else runs
# there. A telltale that does start is ended as soon as it has connected.
run_alone() {
  # shellcheck disable=SC2016 # expanded by the shell inside
  unshare --net bash -c '
    ip link set lo up
    python3 "$1" "$2" 4317 &
    listener=$!
    until [[ -e $2.ready ]]; do sleep 0.05; done
    env -i PATH="$PATH" "${@:4}" timeout --signal=TERM 300 "$TELLTALE" run --config "$3" \
      --truth "$3.truth" >"$2.log" 2>&1 &
    while kill -0 $! 2>/dev/null && [[ $(cat "$2") == 0 ]]; do sleep 0.05; done
    kill -TERM $! 2>/dev/null
    wait $!
    echo $? >"$2.status"
    awk "\$1 == \"lo:\" { print \$11 }" /proc/self/net/dev >"$2.sent"
    kill $listener
    wait $listener 2>/dev/null
    true' alone "$BATS_TEST_DIRNAME/listener.py" "$@" 3>&-
}

setup_alone() {
  unshare --net true || skip 'needs to make a network namespace'
  export TELLTALE
  mkdir "$BED_CGROUP/empty"
  telltale_config tt "$BED_CGROUP/empty" 'endpoints:' \
    "$(telltale_endpoint http://127.0.0.1:4317 network)"
}

@test "ENABLE_TELEMETRY=true with enabled: false: run refuses, and not one packet leaves" {
  setup_alone
  sed -i 's/^enabled: true/enabled: false/' "$BED/tt.yaml"
  run_alone "$BED/out" "$BED/tt.yaml" ENABLE_TELEMETRY=true
  cat "$BED/out.log"
  [ "$(cat "$BED/out.status")" = 1 ]
  [ "$(cat "$BED/out.sent")" = 0 ]
  [ "$(cat "$BED/out")" = 0 ]
  grep -q 'enabled' "$BED/out.log"
}

@test "a configuration that does not mention enabled is a no" {
  setup_alone
  sed -i '/^enabled:/d' "$BED/tt.yaml"
  run_alone "$BED/out" "$BED/tt.yaml" ENABLE_TELEMETRY=true
  [ "$(cat "$BED/out.status")" = 1 ]
  [ "$(cat "$BED/out.sent")" = 0 ]
  grep -q 'enabled' "$BED/out.log"
}

@test "ENABLE_TELEMETRY=false stops it even with enabled: true" {
  setup_alone
  run_alone "$BED/out" "$BED/tt.yaml" ENABLE_TELEMETRY=false
  [ "$(cat "$BED/out.status")" = 1 ]
  [ "$(cat "$BED/out.sent")" = 0 ]
  grep -q 'ENABLE_TELEMETRY' "$BED/out.log"
}

@test "with consent packets do leave: the tests above can fail" {
  setup_alone
  run_alone "$BED/out" "$BED/tt.yaml"
  cat "$BED/out.log"
  [ "$(cat "$BED/out.sent")" -gt 0 ]
  [ "$(cat "$BED/out")" -gt 0 ]
}
