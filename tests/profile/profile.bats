# SPDX-License-Identifier: Apache-2.0
# Where a packet's time goes, against those who made it take its time.
# shellcheck disable=SC2034

load ../e2e/helper
load helper
# shellcheck source=tests/network/lib.sh
source "$BATS_TEST_DIRNAME/../network/lib.sh"

teardown() {
  quota_end
  if [[ -n ${BED:-} && -z ${BATS_TEST_COMPLETED:-} ]]; then tail -n 20 "$BED"/*.log || true; fi
  bed_fini
  rm -rf "${PGDATA:-}"
}

@test 'each delay is in its own column and in no other, and the columns sum to the time exactly' {
  bed_start
  profile_start p --json --slowest 100
  drive 10 calm spin spinback postgres redis lock peer wire stop busy
  profile_end p
  redis-cli -p "$(server_port redis)" --json slowlog get 1000 >"$BED/slowlog"
  judge delays "$BED/p.report" "$BED/journal" "$BED/slowlog" >&3
}

# In a network of its own.
@test 'a segment that the network loses is waited for in the column where it is missing, and in no other' {
  bed_spawn own.net unshare --net sleep infinity
  bed_wait 10 'a network' network_apart own
  nsenter "--net=$(network_of own)" ip link set lo up
  in_network own hop_start
  profile_start p --json --slowest 100
  in_network own lose 5
  drive 24 parts
  profile_end p
  judge losses "$BED/p.report" "$BED/journal" "$(bed_json "$BED/hop.ready" port)" "$(cat "$BED/wire.port")" >&3
}

@test 'a CPU quota that is used up is the wait for a CPU, and not a slow database' {
  bed_start
  quota_make
  profile_start calm --json
  drive 6 work
  profile_end calm
  bed_spawn hog python3 -c 'while True: pass'
  quota_set 20 "$(bed_pid hop)" "$(bed_pid hog)"
  profile_start cut --json
  drive 8 work
  profile_end cut
  judge quota "$BED/calm.report" "$BED/cut.report" "$BED/journal" >&3
}

@test 'packets in hand at once are not split, and a reject has its code; the daemon shows the same all the time' {
  bed_start
  telltale_config t "$BED_CGROUP/hop" 'profile:' '  columns: true' '  dependencies:' \
    "    - {name: postgresql, port: $(cat "$BED/postgres.port")}" "    - {name: redis, port: $(cat "$BED/redis.port")}"
  telltale_start t
  profile_start p --json --slowest 100
  drive 4 several refused postgres redis stop
  profile_end p
  [[ $(bed_json "$BED/p.report" kinds forwarded packets) == 24 ]]
  [[ $(bed_json "$BED/p.report" kinds forwarded splits not_alone) == 8 ]]
  [[ $(bed_json "$BED/p.report" kinds forwarded splits split) == 16 ]]
  [[ $(bed_json "$BED/p.report" reject_codes T04 packets) == 4 ]]
  (($(bed_json "$BED/p.report" several_in_hand_ns on_cpu) > 0))
  judge sums "$BED/p.report" >&3
  bed_wait 30 'the packets in the metrics' test_metric 24 t telltale_hops_total
  [[ $(telltale_metric t telltale_hops_total 'split="split"') == 16 ]]
  [[ $(telltale_metric t telltale_hops_total 'split="not_alone"') == 8 ]]
  # An exchange with a peer is counted by itself, and may be later than its hop.
  bed_wait 30 'the exchanges in the metrics' test_metric 4 t telltale_peer_exchanges_total 'outcome="rejected"'
  bed_wait 30 'the rejects in the metrics' test_metric 4 t telltale_peer_rejects_total 'code="T04"'
  [[ $(telltale_metric t telltale_clocks) == 1 ]]
  (($(telltale_metric t telltale_memory_bytes 'half="daemon"') > 0))
  curl --silent --fail "http://$(sed -n 's/^listen: *//p' "$BED/t.yaml")/metrics" >"$BED/metrics"
  judge live "$BED/p.report" "$BED/metrics" >&3
  telltale_stop t
}

@test 'only what was asked for is shown, in lines of 80 columns' {
  bed_start
  profile_start p --outcome rejected --slowest 2 --peer 127.0.0.1
  drive 3 calm refused
  profile_end p
  grep -q '^Forwarded: 3 packets$' "$BED/p.report"
  grep -q '^Outcomes: rejected 3$' "$BED/p.report"
  grep -q '^Rejects: T04 3$' "$BED/p.report"
  grep -q 'peer and wire .*#' "$BED/p.report"
  grep -Eq '^  127\.0\.0\.1:[0-9]+/ +3 +0\.0 % ' "$BED/p.report"
  [[ $(grep -c '^Slowest, ' "$BED/p.report") == 2 ]]
  [[ $(awk 'length > 80' "$BED/p.report") == '' ]]
  profile_start none --peer nobody.example --json
  drive 1 calm
  profile_end none
  [[ $(bed_json "$BED/none.report" kinds forwarded packets) == 0 ]]
}

@test "the thread's clock agrees with the kernel's own over ten seconds" {
  bed_start
  local pid
  pid=$(bed_pid hop)
  profile_start p --json
  cat "/proc/$pid/task/$pid/schedstat" >"$BED/before"
  SECONDS=0
  while ((SECONDS < 10)); do drive 10 work spin; done
  cat "/proc/$pid/task/$pid/schedstat" >"$BED/after"
  profile_end p
  judge clock "$BED/p.report" "$BED/before" "$BED/after" "$pid" >&3
}

@test "a packet's time is split in a connector of several payments, beside a daemon that watches it too" {
  receiver bob
  forwarder carol "http://127.0.0.1:$(connector_port bob)"
  sender alice "http://127.0.0.1:$(connector_port carol)"
  telltale_config t "$(connector_cgroup carol)"
  telltale_start t
  "$TELLTALE" profile --for 1h --config "$BED/t.yaml" --json --slowest 100 >"$BED/p.report" 2>"$BED/p.log" 3>&- 4>&- &
  echo $! >"$BED/p.pid"
  bed_wait 120 'the profile' grep -q 'profile: ready' "$BED/p.log"
  connector_pay alice "{\"payments\":6,\"concurrency\":1,$(to "http://127.0.0.1:$(connector_port bob)")}"
  profile_end p
  # Packets that only probe, or have no amount, are counted apart by the connector.
  local packets
  packets=$(($(connector_truth carol forwarded prepares) + $(connector_truth carol forwarded probe_prepares) +
    $(connector_truth carol forwarded zero prepares)))
  [[ $(bed_json "$BED/p.report" kinds forwarded packets) == "$packets" ]]
  judge sums "$BED/p.report" >&3
  [[ $(bed_json "$BED/p.report" expiry_margin least_ms) == 1000 ]]
  telltale_stop t
}

# In a PID namespace of its own there are none; so it is where the kernel refuses them.
@test 'without clocks it says why, counts packets, and guesses nothing' {
  bed_start
  WITHIN=(unshare --pid --fork --mount-proc)
  telltale_config t "$BED_CGROUP/hop" 'profile: {columns: true}'
  BED_WITHIN=("${WITHIN[@]}")
  telltale_start t
  BED_WITHIN=()
  profile_start p
  drive 2 calm refused
  bed_wait 30 'the packets in the metrics' test_metric 4 t telltale_hops_total 'split="no_clock"'
  curl --silent --fail "http://$(sed -n 's/^listen: *//p' "$BED/t.yaml")/metrics" >"$BED/metrics"
  grep -q '^telltale_clocks{.*} -1$' "$BED/metrics"
  grep -q '^# clocks: .*--pid=host' "$BED/metrics"
  grep -q 'no columns: .*--pid=host' "$BED/t.log"
  kill -INT "$(pgrep --parent "$(bed_pid p)")" # it is PID 1 there, and the child of who made the namespace
  wait "$(bed_pid p)"
  grep -q '^No clocks: .*--pid=host' "$BED/p.report"
  grep -q '^Forwarded: 4 packets$' "$BED/p.report"
  grep -q '100.0 % a thread.s clock was not seen' "$BED/p.report"
  grep -q 'where their time went: -$' "$BED/p.report"
  grep -q '^Rejects: T04 2$' "$BED/p.report"
  grep -q '^No stacks: .*--pid=host' "$BED/p.report"
  run "${WITHIN[@]}" "$TELLTALE" check --config /dev/null
  [[ $output == *'profile '*'no columns and no stacks: '*'--pid=host'* ]]
  run "$TELLTALE" check --config /dev/null
  [[ $output == *'profile '*' columns, dependencies and stacks'* ]]
}

@test 'without targets, and with options that mean nothing, it says what is missing' {
  run -1 "$TELLTALE" profile --config /dev/null
  [[ $output == *'there is nothing to observe'* ]]
  run -2 "$TELLTALE" profile --outcome never
  [[ $output == *"there is no outcome 'never'"* ]]
  run -2 "$TELLTALE" profile --dependency 5432
  [[ $output == *'NAME=PORT'* ]]
}
