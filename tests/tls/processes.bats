#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# TLS of processes as they come, change and go; and of none that is not in a target.

load ../e2e/helper
load talker

setup_file() {
  make -C "$BATS_TEST_DIRNAME/../.." --no-print-directory build/tests/talker build/tests/crowd
}

# watch: bob, whom all talk to, and telltale on the talkers' cgroup.
watch() {
  receiver_tls bob
  prepare_file "$BED/prepare"
  mkdir "$BED_CGROUP/talkers"
  telltale_config tt "$BED_CGROUP/talkers" "$@"
  telltale_start tt
}

# counts N: telltale sees N Prepares, all fulfilled, in the end and no more.
counts() {
  bed_wait 20 "$1 Prepares to be counted" same telltale_truth tt prepares -- echo "$1"
  telltale_stop tt
  [ "$(telltale_truth tt prepares)" = "$1" ]
  [ "$(telltale_truth tt fulfills)" = "$1" ]
}

# workers KIND: three of them.
workers() {
  local worker
  watch
  GO=$BED/go bed_spawn talker "$ROOT/tests/e2e/in-cgroup" "$BED_CGROUP/talkers" node "$ROOT/tests/tls/workers.js" \
    "$1" 3 40 "https://localhost:$(connector_port bob)/" "$BED/ca.pem" secret-of-alice
  bed_wait 30 'the workers' workers_begun 3
  while read -r _ worker; do
    bed_wait 20 "$worker to be noticed" is_read tt "$worker"
  done < <(grep '^worker' "$BED/talker.log")
  touch "$BED/go"
  bed_wait 30 'the workers to end' not bed_alive talker
  grep -qx 'answered 120' "$BED/talker.log"
  counts 120
}

workers_begun() {
  [ "$(grep -c '^worker' "$BED/talker.log")" = "$1" ]
}

@test "workers of node:cluster, started after telltale, once it has noticed them" { workers cluster; }
@test "children by child_process.fork, started after telltale, once it has noticed them" { workers child; }
@test "worker threads, started after telltale, once it has noticed their process" { workers thread; }

@test "a child forked without exec that goes on with its parent's connection" {
  watch
  talker_start 3 fork "$(connector_port bob)" 1 20
  talker_go tt
  bed_wait 10 'the child' grep -q '^child' "$BED/talker.log"
  child=$(sed -n 's/^child //p' "$BED/talker.log")
  bed_wait 20 'the child to be noticed' is_read tt "$child"
  touch "$BED/talker.go-child"
  bed_wait 30 'the talker to end' not bed_alive talker
  grep -qx 'answered 21' "$BED/talker.log"
  counts 21
}

@test "a library that a running process loads late" {
  watch
  LATE=1 talker_start 3 plain "$(connector_port bob)" 2 10
  bed_wait 20 'telltale to have looked' at_least 1 telltale_metric tt telltale_records_total 'type="exec"'
  touch "$BED/talker.load"
  talker_go tt
  bed_wait 30 'the talker to end' not bed_alive talker
  counts 20
}

@test "a library replaced on disk: who has the old one goes on with it, who starts has the new one" {
  mkdir "$BED/lib"
  cp /usr/lib/x86_64-linux-gnu/lib{ssl,crypto}.so.3 "$BED/lib"
  watch
  LIBSSL_DIR=$BED/lib talker_start 3 plain "$(connector_port bob)" 1 20
  mv "$BED/talker.pid" "$BED/old.pid"
  bed_wait 20 'the old one to be noticed' is_read tt "$(bed_pid old)"
  cp "$BED/lib/libssl.so.3" "$BED/lib/libssl.new"
  mv "$BED/lib/libssl.new" "$BED/lib/libssl.so.3"
  mv "$BED/talker.log" "$BED/old.log"
  LIBSSL_DIR=$BED/lib talker_start 3 plain "$(connector_port bob)" 1 20
  talker_go tt
  bed_wait 30 'both to end' not bed_alive talker
  bed_wait 30 'both to end' not bed_alive old
  counts 40
}

@test "a library replaced on disk before telltale starts is read through the process's mapping" {
  mkdir "$BED/lib" "$BED_CGROUP/talkers"
  cp /usr/lib/x86_64-linux-gnu/lib{ssl,crypto}.so.3 "$BED/lib"
  receiver_tls bob
  prepare_file "$BED/prepare"
  LIBSSL_DIR=$BED/lib talker_start 3 plain "$(connector_port bob)" 1 20
  bed_wait 20 'the library to be mapped' grep -q "$BED/lib/libssl.so.3" "/proc/$(bed_pid talker)/maps"
  rm "$BED/lib/libssl.so.3"
  telltale_config tt "$BED_CGROUP/talkers"
  telltale_start tt
  talker_go tt
  bed_wait 30 'the talker to end' not bed_alive talker
  counts 20
}

@test "a process of the same library outside the targets carries no breakpoint" {
  watch
  talker_start 3 plain "$(connector_port bob)" 1 20
  GO=$BED/never bed_spawn stranger "$ROOT/build/tests/talker" libssl.so.3 plain 1 "$BED/prepare" 1 1
  bed_wait 20 'the talker to be noticed' is_read tt "$(bed_pid talker)"
  bed_wait 20 'the stranger to have the library' grep -q libssl "/proc/$(bed_pid stranger)/maps"
  library=$(sed -n 's/.* \(\/.*libssl\.so\.3.*\)/\1/p' "/proc/$(bed_pid stranger)/maps" | head -n 1)
  for symbol in SSL_write SSL_read SSL_write_ex SSL_read_ex SSL_free SSL_clear; do
    echo "$symbol"
    [ "$(python3 "$ROOT/tests/tls/breakpoint.py" "$(bed_pid talker)" "$library" $symbol)" = yes ]
    [ "$(python3 "$ROOT/tests/tls/breakpoint.py" "$(bed_pid stranger)" "$library" $symbol)" = no ]
  done
  # Nor does the one that was read, once telltale has gone.
  telltale_stop tt
  bed_wait 20 'its breakpoint to be taken out' \
    same python3 "$ROOT/tests/tls/breakpoint.py" "$(bed_pid talker)" "$library" SSL_write -- echo no
}

@test "a process under a seccomp filter comes to no harm: it is read, or left alone and announced" {
  watch
  # Beside a telltale that runs, check does not try the kernel again.
  sed "s|^run_dir: .*|run_dir: $BED|" "$BED/tt.yaml" >"$BED/elsewhere.yaml"
  run "$TELLTALE" check --config "$BED/elsewhere.yaml"
  verdict=$(grep -E '^[A-Za-z]+ +seccomp' <<<"$output")
  echo "$verdict"
  talker_start 3 filtered "$(connector_port bob)" 3 10
  case $verdict in
  ok*) talker_go tt ;;
  *)
    bed_wait 20 'the talker to be left alone' grep -q 'left alone' "$BED/tt.log"
    touch "$BED/talker.go"
    ;;
  esac
  bed_wait 30 'the talker to end' not bed_alive talker
  grep -qx 'answered 30' "$BED/talker.log"
  case $verdict in
  ok*) counts 30 ;;
  *)
    bed_wait 20 'it to be announced' at_least 1 telltale_metric tt \
      telltale_opaque_connections_total 'reason="tls-seccomp"'
    ;;
  esac
}

# rooms_of PID: of how many TLS connections of a process telltale keeps something. Its table of them is
# the hash with the largest values; other telltales of this host have one of that name too.
rooms_of() {
  local id
  id=$(cat /proc/"$(bed_pid tt)"/fdinfo/* 2>/dev/null | awk '
    $1 == "map_type:" { type = $2 }
    $1 == "value_size:" { size = $2 }
    $1 == "map_id:" && type == 1 && size > 4096 { print $2; exit }')
  bpftool -j map dump id "$id" | python3 -c '
import json, sys
pid = int(sys.argv[1])
keys = (bytes(int(x, 16) for x in e["key"]) for e in json.load(sys.stdin))
print(sum(int.from_bytes(k[8:16], "little") == pid for k in keys))' "$1"
}

@test "the connections of a process that is killed leave no trace" {
  command -v bpftool >/dev/null || skip 'needs bpftool'
  watch
  talker_start 3 fork "$(connector_port bob)" 1 20
  talker_go tt
  bed_wait 10 'the child' grep -q '^child' "$BED/talker.log"
  bed_wait 10 'its connection to be followed' same rooms_of "$(bed_pid talker)" -- echo 1
  kill -KILL "$(bed_pid talker)"
  bed_wait 10 'its connection to be forgotten' same rooms_of "$(bed_pid talker)" -- echo 0
  telltale_stop tt
}

@test "connections beyond those there is room for are counted as gaps, and room is made as they end" {
  watch 'tls_connections: 16'
  talker_start 3 many "$(connector_port bob)" 20 1
  talker_go tt
  bed_wait 30 'the talker to end' not bed_alive talker
  grep -qx 'answered 20' "$BED/talker.log"
  bed_wait 10 'the gaps to be counted' test_metric 4 tt telltale_gaps_total 'cause="full"'
  talker_start 3 many "$(connector_port bob)" 16 1
  talker_go tt
  bed_wait 30 'the talker to end' not bed_alive talker
  counts 32
}

@test "4,200 sleeping processes in one target keep no process of another from being read" {
  (($(cat /proc/sys/kernel/threads-max) > 20000)) || skip 'this host may not have so many processes'
  receiver_tls bob
  prepare_file "$BED/prepare"
  mkdir "$BED_CGROUP/talkers"
  bed_spawn crowd "$ROOT/build/tests/crowd" 4200
  bed_wait 30 'the crowd' grep -qx there "$BED/crowd.log"
  telltale_config tt "$BED_CGROUP/crowd"
  sed -i "s,^  - cgroup: .*,&\n  - cgroup: $BED_CGROUP/talkers," "$BED/tt.yaml"
  telltale_start tt
  talker_start 3 plain "$(connector_port bob)" 1 20
  talker_go tt
  bed_wait 30 'the talker to end' not bed_alive talker
  counts 20
}

# beside: five connections through the library in $BED/lib, of a process that has the host's too.
beside() {
  rm -f "$BED/talker.go"
  bed_spawn talker "$ROOT/tests/e2e/in-cgroup" "$BED_CGROUP/talkers" \
    env LD_PRELOAD=libssl.so.3 GO="$BED/talker.go" \
    "$ROOT/build/tests/talker" "$BED/lib/libcopy.so" plain "$(connector_port bob)" "$BED/prepare" 5 2
  talker_go tt
  bed_wait 30 'the talker to end' not bed_alive talker
  grep -qx 'answered 10' "$BED/talker.log"
}

# The second library is the first one's copy, under a name that says nothing. Each connection is announced, but for
# another reason where it was gone before its owner was found.
@test "connections through a second TLS library, in a process whose first is read, are announced" {
  mkdir "$BED/lib"
  cp /usr/lib/x86_64-linux-gnu/libssl.so.3 "$BED/lib/libcopy.so"
  watch
  for ((all = 5; ; all += 5)); do
    beside
    bed_wait 20 'all to be announced' test_metric $all tt telltale_opaque_connections_total
    if grep -q 'cannot be read: its TLS library is read, but' "$BED/tt.log"; then break; fi
    ((all < 100))
  done
  at_least 1 telltale_metric tt telltale_opaque_connections_total 'reason="tls-unmatched"'
  [ "$(telltale_metric tt telltale_coverage_complete)" = 0 ]
  [ "$(telltale_truth tt prepares)" = 0 ]
}

# in_namespaces KIND...: telltale and the talker, in namespaces of their own of these kinds.
in_namespaces() {
  local holder
  receiver_tls bob
  prepare_file "$BED/prepare"
  mkdir "$BED_CGROUP/talkers"
  telltale_config tt "$BED_CGROUP/talkers"
  bed_spawn holder unshare --fork --mount-proc "$@" sleep infinity
  bed_wait 10 'the namespaces' pgrep --parent "$(bed_pid holder)" --exact sleep
  holder=$(pgrep --parent "$(bed_pid holder)" --exact sleep)
  # shellcheck disable=SC2034 # bed_spawn has it
  BED_WITHIN=(nsenter --target "$holder" --pid --mount --time)
  telltale_start tt
  talker_start 3 plain "$(connector_port bob)" 2 10
  bed_wait 20 'the talker to be noticed' grep -q 'reading the TLS library' "$BED/tt.log"
  touch "$BED/talker.go"
  bed_wait 30 'the talker to end' not bed_alive talker
  grep -qx 'answered 20' "$BED/talker.log"
  bed_wait 20 '20 to be fulfilled' same telltale_truth tt fulfills -- echo 20
  [ "$(telltale_truth tt prepares)" = 20 ]
  bed_wait 10 'figures' test_metric 0 tt telltale_opaque_connections_total
}

@test "telltale and a connector in one PID namespace that is not the host's" {
  in_namespaces --pid
}

@test "telltale in a time namespace whose clock is twenty minutes behind" {
  unshare --time --fork true || skip 'this kernel has no time namespaces'
  in_namespaces --pid --time --monotonic -1200
}

@test "with another PID namespace's /proc telltale does not start, and says why" {
  mkdir "$BED_CGROUP/talkers"
  telltale_config tt "$BED_CGROUP/talkers"
  run unshare --pid --fork "$TELLTALE" run --config "$BED/tt.yaml"
  [ "$status" = 1 ]
  [[ $output == *'the /proc that is mounted here is of another PID namespace'* ]]
  run unshare --pid --fork "$TELLTALE" check --config "$BED/tt.yaml"
  [[ $output == *'namespaces'*'the /proc that is mounted here is of another PID namespace'* ]]
}
