#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# What passes the taps by is noticed by what the kernel knows of it: announced, counted, and no payment that it
# may have brought in is taken for one of the connector's own.

load ../e2e/helper

setup_file() {
  make -s -C "$BATS_TEST_DIRNAME/../.." build/tests/telltale-blind build/tests/shortcut.bpf.o >&2
}

# through [LISTEN]: carol is to forward to bob what alice pays to her.
through() {
  receiver bob
  forwarder carol "http://127.0.0.1:$(connector_port bob)" ${1:+"$1"}
}

# announced REASON CAUSE: the reason is counted, coverage is 0, and of what alice pays nothing is counted as
# carol's own, for this cause.
announced() {
  bed_wait 5 'the connection to be announced' at_least 1 telltale_metric tt telltale_opaque_connections_total \
    "reason=\"$1\""
  [ "$(telltale_metric tt telltale_coverage_complete)" = 0 ]
  doubted "$2"
}

doubted() {
  bed_wait 20 'the payments to be judged' at_least 1 telltale_metric tt telltale_origin_unknown_total "cause=\"$1\""
  telltale_stop tt
  [ "$(telltale_truth tt transactions)" = 0 ]
  [ "$(telltale_truth tt prepares)" = 0 ]
}

pay_to() {
  connector_pay alice "{\"payments\":10,\"concurrency\":1,$(to "$1")}"
}

@test "a connector behind a Unix socket: what it forwards is not counted as its own" {
  local front
  front=$(bed_free_port)
  mkdir -p "$BED/sockets"
  through "\"listen\":{\"path\":\"$BED/sockets/carol\"}"
  bed_spawn front python3 "$ROOT/tests/witness/front.py" "$front" "$BED/sockets/carol"
  bed_wait 30 'the proxy' grep -q ready "$BED/front.log"
  telltale_config tt "$(connector_cgroup carol)"
  telltale_start tt
  sender alice "http://127.0.0.1:$front"
  pay_to "http://127.0.0.1:$(connector_port bob)"
  doubted unix_listener
  grep -q 'it accepts connections on a Unix socket' "$BED/tt.log"
}

@test "a connection on a Unix socket that lasts is announced and counted" {
  mkdir -p "$BED/sockets"
  through "\"listen\":{\"path\":\"$BED/sockets/carol\"}"
  telltale_config tt "$(connector_cgroup carol)"
  telltale_start tt
  bed_spawn stranger python3 -c 'import socket, sys, time
with socket.socket(socket.AF_UNIX) as s:
    s.connect(sys.argv[1])
    time.sleep(600)' "$BED/sockets/carol"
  bed_wait 5 'the connection to be announced' test_metric 1 tt telltale_opaque_connections_total 'reason="unix"'
  [ "$(telltale_metric tt telltale_coverage_complete)" = 0 ]
  grep -q 'that node accepts in .* cannot be read: Unix sockets are not read' "$BED/tt.log"
  telltale_stop tt
}

@test "a process that was moved into the target with its sockets is announced, and its payments are not its own" {
  through
  mkdir "$BED_CGROUP/target"
  telltale_config tt "$BED_CGROUP/target"
  bed_pid carol >"$BED_CGROUP/target/cgroup.procs"
  telltale_start tt
  sender alice "http://127.0.0.1:$(connector_port carol)"
  pay_to "http://127.0.0.1:$(connector_port bob)"
  announced other-cgroup other_cgroup
}

# Where processes are many, all files of the host are looked at instead, if that is cheaper.
@test "and so is one that comes among four hundred others, while telltale is attached" {
  mkdir -p "$BED/target"
  through
  bed_spawn target/crowd bash -c 'for _ in {1..400}; do sleep 3600 & done; echo ready; wait'
  bed_wait 30 'the others' grep -q ready "$BED/target/crowd.log"
  telltale_config tt "$BED_CGROUP/target"
  telltale_start tt
  bed_pid carol >"$BED_CGROUP/target/cgroup.procs"
  sender alice "http://127.0.0.1:$(connector_port carol)"
  pay_to "http://127.0.0.1:$(connector_port bob)"
  announced other-cgroup other_cgroup
}

# shortcut: all connections that are made in the bed from now on go past TCP. The names of the programs are gone
# with the mount, the programs with the bed's cgroup.
shortcut() {
  # shellcheck disable=SC2016 # the inner shell expands it
  unshare --mount bash -ec '
    mount -t bpf bpf /sys/fs/bpf
    bpftool prog loadall "$1" /sys/fs/bpf/bed
    map=$(bpftool --json prog show pinned /sys/fs/bpf/bed/message | python3 -c "import json, sys
print(json.load(sys.stdin)[\"map_ids\"][0])")
    bpftool prog attach pinned /sys/fs/bpf/bed/message msg_verdict id "$map"
    bpftool cgroup attach "$2" cgroup_sock_ops pinned /sys/fs/bpf/bed/connection
  ' shortcut "$ROOT/build/tests/shortcut.bpf.o" "$BED_CGROUP"
}

@test "connections that a sockmap takes past TCP are announced, and no payment is counted as originated" {
  through
  shortcut
  telltale_config tt "$(connector_cgroup carol)"
  telltale_start tt
  sender alice "http://127.0.0.1:$(connector_port carol)"
  pay_to "http://127.0.0.1:$(connector_port bob)"
  bed_wait 5 'the connections to be announced' at_least 1 telltale_metric tt telltale_opaque_connections_total \
    'reason="bypassed"'
  [ "$(telltale_metric tt telltale_coverage_complete)" = 0 ]
  telltale_stop tt
  [ "$(telltale_truth tt transactions)" = 0 ]
}

# port_with FAULT: a free port on which blind.h plants that fault.
port_with() {
  local port
  while port=$(bed_free_port) && ((port % 8 != $1)); do :; done
  echo "$port"
}

# blind FAULT: bob listens where the tap has the fault; of what alice pays the tap sees less than the kernel, also
# on connections that begin just when telltale is attached, and on which nothing comes afterwards.
blind() {
  local url port
  # shellcheck disable=SC2034 # lib.sh starts it
  local TELLTALE=$ROOT/build/tests/telltale-blind
  port=$(port_with "$1")
  connector_start bob "{$BOB,\"asset\":$EUR,\"listen\":{\"host\":\"127.0.0.1\",\"port\":$port},
    \"incoming\":[{\"token\":\"secret-of-alice\",\"asset\":$EUR}]}"
  url=http://127.0.0.1:$port
  sender alice "$url"
  telltale_config tt "$(connector_cgroup alice)"
  telltale_start tt
  [ "$(telltale_metric tt telltale_coverage_complete)" = 1 ]
  pay_to "$url"
  bed_wait 20 'coverage to fall' test_metric 0 tt telltale_coverage_complete
  (($(telltale_metric tt telltale_opaque_connections_total 'reason="bypassed"') >= 1))
  telltale_stop tt
}

@test "planted in the tap: it ignores a port" {
  blind 1
}

@test "planted in the tap: it ignores an address family" {
  blind 2
}

@test "planted in the tap: it skips the first segments of a connection" {
  blind 3
}

@test "planted in the tap: it loses sight of a connection" {
  blind 4
}

@test "planted in the tap: it does not see what goes out" {
  blind 5
}

# The mark of a connection's birth alone tells that its bytes are not older than the programs.
@test "planted in the tap: it ignores a connection that has come and gone just after the cgroup was attached" {
  # shellcheck disable=SC2034 # lib.sh starts it
  local TELLTALE=$ROOT/build/tests/telltale-blind once=$ROOT/tests/witness/once.py port
  port=$(port_with 1)
  bed_spawn peer python3 "$once" serve "$port"
  bed_wait 30 'the peer' grep -q ready "$BED/peer.log"
  telltale_config tt "$BED_CGROUP/late"
  telltale_start tt
  mkdir "$BED_CGROUP/late"
  bed_wait 10 'the cgroup to be attached' grep -q 'late: attached to' "$BED/tt.log"
  "$ROOT/tests/e2e/in-cgroup" "$BED_CGROUP/late" python3 "$once" ask "$port"
  bed_wait 20 'the connection to be announced' test_metric 1 tt telltale_opaque_connections_total 'reason="bypassed"'
  telltale_stop tt
}

@test "a healthy busy connector raises no alarm: databases, journals, channels, connections older than telltale" {
  local port
  port=$(bed_free_port)
  bed_spawn outside python3 "$ROOT/tests/witness/outside.py" "$port" "$BED/journal"
  bed_wait 30 'the servers outside' grep -q ready "$BED/outside.log"
  receiver bob
  url=http://127.0.0.1:$(connector_port bob)
  sender alice "$url"
  mkdir -p "$BED_CGROUP/alice/beside" "$BED/alice/beside"
  bed_spawn alice/beside/before node "$ROOT/tests/witness/busy.js" "$port" "$BED/journal" "$BED/own.before"
  bed_wait 30 'who is busy before' grep -q ready "$BED/alice/beside/before.log"
  telltale_config tt "$(connector_cgroup alice)"
  telltale_start tt
  bed_spawn alice/beside/after node "$ROOT/tests/witness/busy.js" "$port" "$BED/journal" "$BED/own.after"
  bed_wait 30 'who is busy after' grep -q ready "$BED/alice/beside/after.log"
  for paid in 5 10 15; do
    connector_pay alice "{\"payments\":5,\"concurrency\":2,$(to "$url")}"
    # Each is judged only after a look at all sockets.
    bed_wait 20 'the payments to be counted' test_metric $paid tt transactions_total
    [ "$(telltale_metric tt telltale_coverage_complete)" = 1 ]
  done
  [ "$(telltale_metric tt telltale_opaque_connections_total)" = 0 ]
  for name in before after; do bed_alive "alice/beside/$name"; done
  telltale_stop tt
  exactly tt alice
}
