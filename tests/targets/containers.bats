#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Containers of a real runtime, stopped, crashed, removed and made anew while telltale runs.

load ../e2e/helper
load storm
load container

teardown() {
  [[ -z ${BED_CGROUP:-} ]] || container_fini
  bed_teardown
}

# anew MANNER: the container ends, and another one of that name begins.
anew() {
  case $1 in
  stop) container_end TERM ;;
  crash) container_end KILL ;;
  swap) container_swap ;;
  esac
  container_start
}

# storm: restarts in three manners in turn, under load throughout.
storm() {
  local i manners=(stop crash swap)
  storm_sender
  container_bundle "${SENDER[@]}"
  telltale_config tt "$BED_CGROUP/sender"
  telltale_start tt
  grep -q 'sender: waiting: there is no cgroup' "$BED/tt.log"
  container_start
  storm_goes_on
  for ((i = 0; i < STORM; i++)); do
    anew "${manners[i % 3]}"
    storm_goes_on
  done
  container_end TERM
  bed_wait 20 'the last exchange to be seen' at_least "$(storm_answered)" telltale_metric tt \
    telltale_exchanges_total 'outcome="fulfilled"'
  telltale_stop tt
  storm_holds "$STORM"
}

@test "plain: a container that is restarted under load loses nothing of what its processes send" {
  container_needs
  storm_bob
  storm
}

@test "TLS: a container that is restarted under load loses nothing of what its processes send" {
  container_needs
  storm_bob tls
  storm
}
