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

# ours: an operator's file, with words and keys of their own.
ours() {
  printf '%s\n' '# ours: do not touch' 'enabled: false # not yet' "instance: 'Zürich 1'" 'endpoints:' \
    '  - {url: "https://collector.example:4317", audience: network, headers: {authorization: "Bearer secret"}}' \
    '# end' >"$BED/ours.yaml"
  cp "$BED/ours.yaml" "$BED/before.yaml"
}

enable() {
  "$TELLTALE" enable --config "$BED/ours.yaml" --target unit:alice.service --network testnet "$@"
}

# asked ANSWER: enable on a terminal of its own.
asked() {
  script --quiet --return --command "'$TELLTALE' enable --config '$BED/ours.yaml' --network testnet \
    --target unit:alice.service" /dev/null <<<"$1"
}

@test "enable shows what will leave, where to and how, and changes only what consent is" {
  ours
  run -0 enable --yes </dev/null
  echo "$output"
  for line in 'Observed +unit alice.service' 'To the network +testnet' 'https://collector.example:4317' \
    'transactions_total' 'packet_amount_fulfill' 'bucket-laplace' 'Zürich 1' 'To you +nothing'; do
    grep -qE "$line" <<<"$output"
  done
  run ! grep -q secret <<<"$output"
  run diff "$BED/before.yaml" "$BED/ours.yaml"
  [ "$output" = "$(printf '%s\n' '2c2,5' '< enabled: false # not yet' '---' '> enabled: true # not yet' \
    '> network: testnet' '> targets:' '>   - unit: alice.service')" ]
  run -0 "$TELLTALE" disable --config "$BED/ours.yaml"
  grep -qx 'enabled: false # not yet' "$BED/ours.yaml"
  run -1 "$TELLTALE" run --config "$BED/ours.yaml"
}

@test "enable asks, and without a yes nothing changes" {
  ours
  run -2 enable </dev/null
  [[ $output == *'agree with --yes'* ]]
  run -2 "$TELLTALE" enable --config "$BED/ours.yaml" --target unit:alice.service --yes
  [[ $output == *'--network testnet'* ]]
  for answer in n '' q; do run -1 asked "$answer"; done
  cmp "$BED/before.yaml" "$BED/ours.yaml"
  run -0 asked y
  grep -qx 'enabled: true # not yet' "$BED/ours.yaml"
}

@test "a file that cannot be edited safely, or that others can change, is left alone; enable says what to do" {
  echo '{enabled: false, listen: none}' >"$BED/ours.yaml"
  cp "$BED/ours.yaml" "$BED/before.yaml"
  run -1 enable --yes
  echo "$output"
  grep -qx 'network: testnet' <<<"$output"
  grep -qx '  - unit: alice.service' <<<"$output"
  run -1 "$TELLTALE" disable --config "$BED/ours.yaml"
  grep -qx 'enabled: false' <<<"$output"
  cmp "$BED/before.yaml" "$BED/ours.yaml"
  ours
  chgrp nogroup "$BED/ours.yaml" && chmod 664 "$BED/ours.yaml"
  run -1 enable --yes
  [[ $output == *'chmod g-w'* ]]
  cmp "$BED/before.yaml" "$BED/ours.yaml"
  run -1 "$TELLTALE" check --config "$BED/ours.yaml"
  grep -qE '^FAIL +configuration .*can be written by group .*chmod g-w' <<<"$output"
}

@test "with consent packets do leave: the tests above can fail" {
  setup_alone
  run_alone "$BED/out" "$BED/tt.yaml"
  cat "$BED/out.log"
  [ "$(cat "$BED/out.sent")" -gt 0 ]
  [ "$(cat "$BED/out")" -gt 0 ]
}
