#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# A hostile peer in an opted-in cgroup, beside honest connectors in cgroups of their own: nothing
# crashes, memory stays under its bound, and the honest numbers stay exactly right.
#
# HOSTILE=large (`make hostile`) makes it a hundred thousand connections and a million endpoints.

load ../e2e/helper

SEED=${SEED:-$RANDOM}

# The memory that telltale may use at its peak after it is ready, in kB: that of its full tables.
RSS_MAX=57344

# attack NAME COUNT [FILE...]: runs an attack in the hostile cgroup until it ends.
attack() {
  local begun=$SECONDS
  attack_begin "$@"
  bed_wait 600 "$1 to end" not bed_alive "hostile/$1"
  attack_succeeded "$1"
  echo "# $1 $2: $((SECONDS - begun)) s" >&3
}

attack_begin() {
  mkdir -p "$BED/hostile"
  RELEASE=$BED/release GO=$BED/go bed_spawn "hostile/$1" python3 "$ROOT/tests/hostile/peer.py" "$1" "$2" \
    "$SEED" "${@:3}"
}

attack_succeeded() {
  grep -q "$1: done" "$BED/hostile/$1.log" || {
    cat "$BED/hostile/$1.log"
    return 1
  }
  bed_alive tt
}

# attack_held NAME: whether the attack has all its connections open, or has failed.
attack_held() {
  grep -qE 'held|Error' "$BED/hostile/$1.log"
}

# connections_begin COUNT: opens COUNT connections at once, with as many processes as the limit on descriptors
# requires.
connections_begin() {
  local left=$1 part=7500 n=0
  mkdir -p "$BED/hostile"
  while ((left > 0)); do
    n=$((n + 1))
    RELEASE=$BED/release bed_spawn "hostile/connections$n" python3 "$ROOT/tests/hostile/peer.py" connections \
      $((left < part ? left : part)) $((SEED + n))
    left=$((left - part))
  done
  for ((; n > 0; n--)); do bed_wait 300 "connections $n" attack_held "connections$n"; done
  run ! grep -l Error "$BED"/hostile/connections*.log
}

# map_sum MAP: prints the sum of the values of one of telltale's maps.
map_sum() {
  local id name
  while read -r id; do
    name=$(bpftool -j map show id "$id" | python3 -c 'import json, sys; print(json.load(sys.stdin).get("name"))')
    if [[ $name == "$1" ]]; then
      bpftool -j map dump id "$id" | python3 -c 'import json, sys
print(sum(int.from_bytes(bytes(int(b, 16) for b in e["value"]), "little", signed=True) for e in json.load(sys.stdin)))'
      return
    fi
  done < <(sed -n 's/^map_id:[[:space:]]*//p' /proc/"$(bed_pid tt)"/fdinfo/* | sort -u)
  return 1
}

# Prints the lines of /metrics that are series, but those of peers.
series() {
  curl --silent --fail "http://$(sed -n 's/^listen: *//p' "$BED/tt.yaml")/metrics" | grep -v '^telltale_peer_' | grep -vc '^#'
}

# Prints how many peers have series of their own.
peers() {
  curl --silent --fail "http://$(sed -n 's/^listen: *//p' "$BED/tt.yaml")/metrics" |
    grep -o '^telltale_peer_exchanges_total{.*peer="[^"]*"' | grep -o 'peer="[^"]*"' | sort -u | grep -vc '"other"'
}

# The daemon half at its peak, where the tables are, and what the probe half has to itself.
peak_kb() {
  cat /proc/"$(telltale_daemon_pid tt)"/status /proc/"$(bed_pid tt)"/smaps_rollup |
    awk '/^VmHWM:|^Private_/ { sum += $2 } END { print sum }'
}

# honest: alice pays bob through carol until the file `enough` exists.
honest() {
  receiver bob
  forwarder carol "http://127.0.0.1:$(connector_port bob)"
  sender alice "http://127.0.0.1:$(connector_port carol)"
  mkdir -p "$BED_CGROUP/hostile"
  telltale_config tt "$(connector_cgroup alice)
  - cgroup: $(connector_cgroup carol)
  - cgroup: $BED_CGROUP/hostile"
  telltale_start tt "$@"
  echo 5 >/proc/"$(telltale_daemon_pid tt)"/clear_refs # memory used while loading does not count
  honest_load 3>&- 4>&- &
  load=$!
}

honest_load() {
  until [[ -e $BED/enough ]]; do
    connector_hammer alice '{"count":300,"concurrency":4,"receiver":"test.bob","probes":0}' || return
  done
}

# The totals are what alice counted, or lower by no more than was counted as lost.
honest_agrees() {
  touch "$BED/enough"
  wait "$load"
  bed_wait 30 'the ring to be read' telltale_quiet tt
  dropped=$(telltale_metric tt telltale_records_dropped_total)
  telltale_stop tt
  connector_count alice
  python3 - "$BED/tt.truth" "$BED/alice.count" "$dropped" <<'PYTHON'
import json, sys
seen, own, dropped = json.load(open(sys.argv[1])), json.load(open(sys.argv[2]))["originated"], int(sys.argv[3])
for key in "transactions prepares fulfills rejects value".split():
    print(f"{key:16}{own[key]:16}{seen[key]:16}{'' if own[key] == seen[key] else '  <<<'}")
print(f"dropped {dropped}", seen["outcomes"], seen["lost"])
assert own["prepares"] > 0 and not own["http_errors"]
if dropped:
    assert all(0 <= own[k] - seen[k] <= dropped for k in ("prepares", "fulfills", "rejects"))
    assert all(seen[k] <= own[k] for k in ("transactions", "value"))
    # Whose they are is in doubt then, perhaps of all; they are seen all the same.
    assert seen["outcomes"]["fulfilled"] > 0
else:
    assert all(own[k] == seen[k] for k in "transactions prepares fulfills rejects value".split())
PYTHON
}

nobody_in() {
  ! find "$1" -name cgroup.procs -exec cat {} + | grep -q .
}

# every_attack SCALE: runs all attacks during which nothing has to be checked.
every_attack() {
  attack malformed-http $((2000 * $1))
  attack malformed-ilp $((2000 * $1))
  attack malformed-tls $((1000 * $1))
  attack endless-heads $((1500 * $1))
  attack endless-chunks $((300 * $1))
  attack endpoints $((40000 * $1))
  attack unasked $((20000 * $1))
  attack binary $((1500 * $1))
  attack half-open $((1500 * $1))
}

@test "a neighbour sends every kind of bad traffic: the honest numbers stay exactly right" {
  scale=1
  [[ ${HOSTILE:-} != large ]] || scale=25
  echo "# seed $SEED" >&3
  honest
  before=$(series)
  echo "# $(peak_kb) kB before" >&3
  every_attack $scale
  bed_wait 20 'the tables to have been full' at_least 1 telltale_metric tt telltale_evicted_total
  [ "$(series)" = "$before" ]
  # Of the endpoints of the attacks, and alice's own peer.
  [ "$(peers)" -ge 1 ]
  [ "$(peers)" -le 32 ]
  echo "# peak $(peak_kb) kB, $(wc -l <"$BED/tt.log") lines of log" >&3
  [ "$(peak_kb)" -lt $RSS_MAX ]
  [ "$(wc -l <"$BED/tt.log")" -lt 60 ]
  honest_agrees
}

@test "a neighbour opens more connections than can be followed: they are bounded, counted and released" {
  count=4000
  [[ ${HOSTILE:-} != large ]] || count=100000
  honest
  connections_begin $count
  followed=$(map_sum followed)
  echo "# $count connections open, $followed followed" >&3
  # Both ends of each connection are here. A target's share is a third of 8192.
  [ "$followed" -ge 2730 ]
  [ "$followed" -le $((2730 + 100)) ]
  bed_wait 20 'the refused to be counted' at_least $((count / 2)) telltale_metric tt telltale_gaps_total 'cause="full"'
  touch "$BED/release"
  bed_wait 300 'the connections to be closed' nobody_in "$BED_CGROUP/hostile"
  touch "$BED/enough"
  wait "$load"
  bed_stop alice
  bed_stop carol
  bed_wait 60 'none to be followed' same map_sum followed -- echo 0
  [ "$(peak_kb)" -lt $RSS_MAX ]
}

@test "a neighbour holds more TLS sessions than its share: the sessions of others are still read" {
  bed_certificates
  receiver_tls bob
  sender alice "https://localhost:$(connector_port bob)"
  mkdir -p "$BED_CGROUP/hostile"
  telltale_config tt "$(connector_cgroup alice)
  - cgroup: $BED_CGROUP/hostile"
  attack_begin tls 1500 "$BED/server.pem" "$BED/server.key"
  bed_wait 30 'the neighbour' grep -q ready "$BED/hostile/tls.log"
  telltale_start tt
  touch "$BED/go"
  bed_wait 120 'its sessions' attack_held tls
  bed_wait 20 'the refused to be counted' at_least 1000 telltale_metric tt telltale_gaps_total 'cause="full"'
  connector_hammer alice '{"count":500,"concurrency":8,"receiver":"test.bob","probes":0}'
  touch "$BED/release"
  bed_wait 60 'them to be gone' not bed_alive hostile/tls
  telltale_stop tt
  [ "$(telltale_truth tt fulfills)" = "$(connector_truth alice originated fulfills)" ]
  [ "$(telltale_truth tt transactions)" = "$(connector_truth alice originated transactions)" ]
}

@test "a neighbour fills the ring: what that costs the others is counted" {
  honest
  telltale_signal tt STOP
  attack endpoints 20000
  telltale_signal tt CONT
  bed_wait 30 'the loss to be exported' at_least 1000 telltale_metric tt telltale_records_dropped_total
  [ "$(telltale_metric tt telltale_coverage_complete)" = 0 ]
  honest_agrees
}

@test "the same under AddressSanitizer finds nothing" {
  TELLTALE=$ROOT/build/telltale-san
  [[ -x $TELLTALE ]] || skip 'needs build/telltale-san: make SANITIZE=1'
  # LeakSanitizer would have to trace a process that has given up its privileges.
  honest ASAN_OPTIONS=detect_leaks=0
  every_attack 1
  honest_agrees
  run ! grep -E 'Sanitizer|runtime error' "$BED/tt.log"
}
