#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Connectors whose cgroup comes, goes and is made anew while telltale runs.

load ../e2e/helper
load storm

# start_sender: in the cgroup $BED_CGROUP/sender, which is there.
start_sender() {
  storm_sender
  bed_spawn sender "${SENDER[@]}"
}

# remove_cgroup: once its last process is gone.
remove_cgroup() {
  bed_wait 10 'the cgroup to be empty' rmdir "$BED_CGROUP/sender"
}

# anew MANNER: the sender ends, its cgroup is removed and made anew, and the next one starts.
anew() {
  case $1 in
  stop) bed_stop sender ;;
  *) bed_stop sender KILL 2>/dev/null || true ;;
  esac
  if [[ $1 == swap ]]; then
    python3 - "$BED_CGROUP/sender" <<'PYTHON'
import os, sys, time
deadline = time.monotonic() + 180
while True:
    try:
        os.rmdir(sys.argv[1])
        os.mkdir(sys.argv[1])
        break
    except OSError:
        if time.monotonic() > deadline:
            raise
PYTHON
  else
    remove_cgroup
  fi
  start_sender
}

# storm: restarts in three manners in turn, under load throughout.
storm() {
  local i manners=(stop crash swap)
  mkdir "$BED_CGROUP/sender"
  telltale_config tt "$BED_CGROUP/sender"
  telltale_start tt
  start_sender
  storm_goes_on
  for ((i = 0; i < STORM; i++)); do
    anew "${manners[i % 3]}"
    storm_goes_on
  done
  bed_stop sender
  bed_wait 20 'the last exchange to be seen' at_least "$(storm_answered)" telltale_metric tt \
    telltale_exchanges_total 'outcome="fulfilled"'
  telltale_stop tt
  storm_holds "$STORM"
}

@test "a program named by its file is counted from its first exchange on, each time that it begins" {
  storm_bob
  cp "$(readlink --canonicalize "$(command -v node)")" "$BED/node"
  storm_sender
  SENDER[0]=$BED/node
  telltale_config tt /unused
  sed -i "s|^  - cgroup: .*|  - executable: $BED/node|" "$BED/tt.yaml"
  telltale_start tt
  grep -q 'waiting: no process of this host runs' "$BED/tt.log"
  bed_spawn sender "${SENDER[@]}"
  storm_goes_on
  for _ in 1 2 3; do
    bed_stop sender
    bed_spawn sender "${SENDER[@]}"
    storm_goes_on
  done
  bed_stop sender
  bed_wait 20 'the last exchange to be seen' at_least "$(storm_answered)" telltale_metric tt \
    telltale_exchanges_total 'outcome="fulfilled"'
  telltale_stop tt
  storm_holds 4
}

state() {
  telltale_metric tt telltale_target_cgroups
}

@test "a connector that is restarted in a new cgroup at the same path goes on being counted" {
  receiver bob
  url=http://127.0.0.1:$(connector_port bob)
  sender alice "$url"
  telltale_config tt "$(connector_cgroup alice)"
  telltale_start tt
  connector_pay alice "{\"payments\":4,\"concurrency\":2,$(to "$url")}"
  bed_stop alice
  bed_wait 10 'the cgroup to be empty' rmdir "$BED_CGROUP/alice"
  bed_wait 10 'the cgroup to be missed' test_metric 0 tt telltale_target_cgroups
  [ "$(telltale_metric tt telltale_coverage_complete)" = 0 ]
  grep -q 'alice: gone: its cgroup was removed' "$BED/tt.log"
  sender alice "$url"
  bed_wait 10 'the cgroup to be attached' test_metric 1 tt telltale_target_cgroups
  connector_pay alice "{\"payments\":4,\"concurrency\":2,$(to "$url")}"
  bed_wait 20 'all payments to be counted' test_metric 8 tt transactions_total
  bed_wait 5 'coverage' test_metric 1 tt telltale_coverage_complete
  telltale_stop tt
  [ "$(telltale_truth tt transactions)" = 8 ]
}

@test "a target that is not there yet is waited for, and said wherever totals are shown" {
  receiver bob
  url=http://127.0.0.1:$(connector_port bob)
  telltale_config tt "$(connector_cgroup alice)"
  run "$TELLTALE" check --config "$BED/tt.yaml"
  [ "$status" = 0 ]
  grep -qE '^warn +target .*waiting: there is no cgroup' <<<"$output"
  telltale_start tt
  grep -q 'alice: waiting: there is no cgroup' "$BED/tt.log"
  [ "$(telltale_metric tt telltale_target_cgroups)" = 0 ]
  [ "$(telltale_metric tt telltale_coverage_complete)" = 0 ]
  began=$(telltale_metric tt telltale_target_since_seconds)
  ((began > 1500000000))
  sender alice "$url"
  bed_wait 10 'the cgroup to be attached' test_metric 1 tt telltale_target_cgroups
  connector_pay alice "{\"payments\":4,\"concurrency\":2,$(to "$url")}"
  bed_wait 20 'all payments to be counted' test_metric 4 tt transactions_total
  bed_wait 5 'coverage' test_metric 1 tt telltale_coverage_complete
  telltale_stop tt
  exactly tt alice
}

@test "a pattern takes cgroups that come later, each of them" {
  receiver bob
  url=http://127.0.0.1:$(connector_port bob)
  telltale_config tt "$BED_CGROUP/node-*"
  telltale_start tt
  sender node-1 "$url"
  sender node-2 "$url"
  sender other "$url"
  bed_wait 5 'both to be attached' test_metric 2 tt telltale_target_cgroups
  for name in node-1 node-2 other; do
    connector_pay $name "{\"payments\":3,\"concurrency\":1,$(to "$url")}"
  done
  bed_wait 20 'their payments to be counted' test_metric 6 tt transactions_total
  telltale_stop tt
  [ "$(telltale_truth tt transactions)" = 6 ]
}

@test "a process is followed until it ends" {
  receiver bob
  url=http://127.0.0.1:$(connector_port bob)
  sender alice "$url"
  telltale_config tt /
  sed -i "s,- cgroup: /\$,- pid: $(bed_pid alice)," "$BED/tt.yaml"
  telltale_start tt
  connector_pay alice "{\"payments\":3,\"concurrency\":1,$(to "$url")}"
  bed_stop alice
  bed_wait 10 'its end to be noticed' grep -q "gone: process $(bed_pid alice) has ended" "$BED/tt.log"
  bed_wait 5 'coverage to be 0' test_metric 0 tt telltale_coverage_complete
  run "$TELLTALE" check --config "$BED/tt.yaml"
  grep -qE '^FAIL +target .*gone: there is no process' <<<"$output"
  telltale_stop tt
  [ "$(telltale_truth tt transactions)" = 3 ]
}

@test "plain: restarts under load lose nothing of what the new processes send" {
  storm_bob
  storm
}

@test "TLS: restarts under load lose nothing of what the new processes send" {
  storm_bob tls
  storm
}
