#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# A bad network between two connectors in two namespaces, with a telltale on each side: TCP repairs the stream
# for the connectors, telltale must do so for itself.

load ../e2e/helper
# shellcheck source=tests/network/lib.sh
source "$BATS_TEST_DIRNAME/lib.sh"
# shellcheck source=tests/http2/expected.bash
source "$BATS_TEST_DIRNAME/../http2/expected.bash"

# counts COUNT: every exchange is counted on both sides, and nothing was missed.
counts() {
  network_run "$@"
  local side
  for side in alice bob; do
    network_unseen tt-$side
    [ "$(network_counted tt-$side)" = "$1" ]
    [ "$(network_gaps tt-$side)" = 0 ]
  done
  exactly tt-alice alice
}

# nearly COUNT: for tests in which places for early segments may run out. At most one exchange in a hundred
# may be missing, and each must be explained.
nearly() {
  local side
  network_run "$@"
  for side in alice bob; do
    network_unseen "tt-$side"
    (($(network_counted "tt-$side") * 100 >= $1 * 99))
  done
}

bad_network() {
  network_start "$@"
  network_connectors http
  network_probes
}

@test "a good network between namespaces: every exchange is counted on both sides" {
  bad_network 1500
  counts 600
}

@test "lost segments that are sent again are read once" {
  bad_network 1500 seed=1 loss=0.03
  counts 300
}

@test "segments that come twice are read once" {
  bad_network 1500 seed=2 dup=0.3
  counts 600
}

@test "segments out of order are put in order" {
  bad_network 1500 seed=3 reorder=0.3
  counts 600
}

@test "requests that come before their sockets are read, many at once, whatever their ports" {
  prepare_file "$BED/prepare"
  bed_spawn early python3 "$BATS_TEST_DIRNAME/deferred.py" serve 16 "$BED/port"
  bed_wait 10 'the listener' test -e "$BED/port"
  telltale_config tt "$BED_CGROUP/early"
  telltale_start tt
  for apart in 1 2 256 512 1024; do
    [ "$(python3 "$BATS_TEST_DIRNAME/deferred.py" ask "$(cat "$BED/port")" 16 $apart "$BED/prepare")" = 16 ]
  done
  bed_wait 10 'all of them' test_metric 80 tt telltale_exchanges_total 'outcome="http_error"'
  telltale_stop tt
}

@test "requests that come before their sockets, most of them twice, are read once" {
  network_start 1500 seed=9 dup=0.9 reorder=0.3
  prepare_file "$BED/prepare"
  in_network bob bed_spawn early python3 "$BATS_TEST_DIRNAME/deferred.py" serve 16 "$BED/port" "$NETWORK_BOB"
  bed_wait 10 'the listener' test -e "$BED/port"
  telltale_config tt "$BED_CGROUP/early"
  telltale_start tt
  for _ in 1 2 3 4 5 6; do
    [ "$(nsenter "--net=$(network_of alice)" python3 "$BATS_TEST_DIRNAME/deferred.py" \
      ask "$(cat "$BED/port")" 16 1 "$BED/prepare" "$NETWORK_BOB")" = 16 ]
  done
  bed_wait 10 'the ring to be read' telltale_quiet tt
  telltale_stop tt
  network_unseen tt
  grep '^telltale_exchanges_total' "$BED/tt.metrics"
  grep -q '^telltale_exchanges_total{.*outcome="http_error"} 96$' "$BED/tt.metrics"
  [ "$(network_gaps tt)" = 0 ]
}

@test "messages cut into segments of 88 bytes, out of order, are read whole" {
  bad_network 128 seed=4 reorder=0.1
  nearly 300
}

@test "segments with a wrong checksum are not read" {
  bad_network 1500 seed=5 corrupt=0.05
  counts 300
}

@test "all of it at once, in segments of 88 bytes" {
  bad_network 128 seed=6 loss=0.01 dup=0.02 reorder=0.05 corrupt=0.01
  nearly 2000
}

@test "TLS inside the process over a bad network is counted exactly" {
  network_start 1500 seed=7 loss=0.02 dup=0.05 reorder=0.1 corrupt=0.01
  network_connectors https
  network_probes
  counts 300
}

# http2 COUNT OPTION...: Node.js to Node.js over HTTP/2, 50 streams at once.
http2() {
  local ends=$ROOT/tests/http2/ends.js port url side way
  network_start 1500 "${@:2}"
  port=$(bed_free_port)
  url=http://$NETWORK_BOB:$port
  node "$ROOT/tests/stacks/common/workload.js" "$1" >"$BED/workload"
  mkdir -p "$BED_CGROUP/alice"
  LISTEN=$NETWORK_BOB in_network bob bed_spawn bob node "$ends" serve "$port" "$BED/bob.journal"
  bed_wait 20 'the server' grep -q ready "$BED/bob.log"
  network_probes
  for side in alice bob; do
    telltale_follows_http2 tt-$side
    network_metrics tt-$side >"$BED/$side.before"
  done
  in_network alice bed_spawn alice node "$ends" send http2 "$url" "$BED/workload" "$BED/alice.journal" 50
  bed_wait 120 'the client to have sent everything' not bed_alive alice
  for side in alice=sent bob=received; do
    way=${side#*=} side=${side%=*}
    bed_wait 30 "$side's telltale to count everything" http2_agrees "$side" "$way" || {
      cat "$BED/table"
      return 1
    }
    cat "$BED/table"
    telltale_stop "tt-$side"
    network_unseen "tt-$side"
  done
}

http2_agrees() {
  network_metrics "tt-$1" >"$BED/now"
  python3 "$ROOT/tests/http2/agree.py" "$(expected)" "$BED/$1.before" "$BED/now" "$2=$BED/$1.journal" >"$BED/table"
}

network_metrics() {
  curl --silent --fail "http://$(sed -n 's/^listen: *//p' "$BED/$1.yaml")/metrics" | grep -v '^#'
}

@test "HTTP/2 at 1 % loss is counted exactly" {
  http2 600 seed=10 loss=0.01
}

@test "HTTP/2 at 5 % loss and out of order is counted, but for one exchange in a hundred at most" {
  http2 600 seed=11 loss=0.05 reorder=0.1
}

@test "telltale taken away and put back under load neither counts twice nor sticks" {
  network_start 1500 seed=8 reorder=0.05
  network_connectors http
  network_probes
  load_begin
  local seen=0 sent
  for _ in 1 2 3; do
    bed_wait 60 'exchanges to be counted again' \
      at_least 100 telltale_metric tt-alice telltale_exchanges_total 'outcome="fulfilled"'
    telltale_stop tt-alice
    seen=$((seen + $(network_counted tt-alice)))
    telltale_start tt-alice
  done
  load_end
  bed_wait 10 'the ring to be read' telltale_quiet tt-alice
  telltale_stop tt-alice
  seen=$((seen + $(network_counted tt-alice)))
  # Nothing is counted twice. The telltale that was put back counts everything that comes later, also on
  # connections that were open before.
  telltale_start tt-alice
  connector_count alice
  cp "$BED/alice.count" "$BED/before"
  connector_hammer alice '{"count":300,"concurrency":16,"receiver":"test.bob"}'
  bed_wait 10 'the ring to be read' telltale_quiet tt-alice
  telltale_stop tt-alice
  [ "$(network_counted tt-alice)" = 300 ]
  OPEN_BEFORE=1 exactly tt-alice alice "$BED/before"
  telltale_stop tt-bob
  sent=$(network_counted tt-bob)
  echo "counted $seen of $((sent - 300))"
  [ "$seen" -gt 300 ]
  [ "$seen" -le $((sent - 300)) ]
}

# wire_to_a_peer_that_takes MS: what `telltale profile` says the wire takes, in microseconds.
wire_to_a_peer_that_takes() {
  local name=slow$1
  in_network bob bed_spawn "$name" python3 "$BATS_TEST_DIRNAME/slow.py" "$NETWORK_BOB" "$1" "$BED/$name.port"
  bed_wait 30 'the peer' test -e "$BED/$name.port"
  in_network alice sender "alice$1" "http://$NETWORK_BOB:$(cat "$BED/$name.port")"
  "$TELLTALE" profile --for 1h --hz 0 --json --cgroup "$(connector_cgroup "alice$1")" >"$BED/$name.report" 2>"$BED/$name.out" 3>&- &
  echo $! >"$BED/profile$1.pid"
  bed_wait 120 'the profile' grep -q 'profile: ready' "$BED/$name.out"
  connector_hammer "alice$1" '{"count":20,"concurrency":4,"receiver":"test.bob"}' >/dev/null
  sleep 0.3
  bed_stop "profile$1" INT
  bed_json "$BED/$name.report" peers 0 wire_estimate_ns
}

# handshake FIRST: the shortest of the handshakes from the FIRST on, in ns, as the network itself measured them.
handshake() {
  grep '^handshake' "$BED/shim.log" | tail -n "+$1" | sort -n -k 2 | awk 'NR == 1 { print $2 * 1000 }'
}

@test "the wire to a peer is what the network takes, there and back, however slow the peer is" {
  network_start 1500 there_us=6000 back_us=9000
  local ms ns own before
  for ms in 0 100; do
    before=$(grep -c '^handshake' "$BED/shim.log" || true)
    ns=$(wire_to_a_peer_that_takes $ms)
    own=$(handshake $((before + 1)))
    echo "# a peer that takes $ms ms: $ns ns, and the network had a handshake that took $own" >&3
    # Both ways take 15 ms at least. How much later a packet is carried, other programs decide in part: the shortest
    # handshake and what the estimate is made of are not the same packets, and each may have been carried late.
    ((ns >= 15000000 && ns < own + 3000000))
    # The wait for the peer has the peer's own time in it.
    (($(bed_json "$BED/slow$ms.report" peers 0 peer_time sum_ns) / 20 >= 15000000 + ms * 1000000))
  done
}
