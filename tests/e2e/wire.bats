#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# What TCP and HTTP/1.1 allow, and what strangers do, beside a connector: its payments stay what they are.

load helper

PEER=$BATS_TEST_DIRNAME/evidence/peer.py

# peer NAME ROLE...: a peer that listens; its port is in NAME.port then.
peer() {
  local name=$1 role=$2
  shift 2
  bed_spawn "$name" python3 "$PEER" "$role" "$BED/$name.port" "$@"
  bed_wait 30 "$name" test -e "$BED/$name.port"
}

port_of() {
  cat "$BED/$1.port"
}

# A connector that forwards what it gets to a receiver, with telltale beside it.
forwarder() {
  peer bob receive
  mkdir "$BED_CGROUP/carol"
  telltale_config tt "$BED_CGROUP/carol"
  telltale_start tt
  peer carol forward "$(port_of bob)"
}

# all_forwarded N: N payments came in, went out again, and nothing was missed.
all_forwarded() {
  bed_wait 20 'them to be judged' test_metric $((2 * $1)) tt telltale_exchanges_by_origin_total 'origin="forwarded"'
  [ "$(telltale_metric tt telltale_exchanges_by_origin_total)" = $((2 * $1)) ]
  [ "$(telltale_metric tt transactions_total)" = 0 ]
  [ "$(telltale_metric tt telltale_coverage_complete)" = 1 ]
  telltale_stop tt
}

@test "a request in the SYN that is not accepted as early data is read when it comes again" {
  bed_spawn apart unshare --net sleep infinity
  BED_WITHIN=(nsenter "--net=/proc/$(bed_pid apart)/ns/net")
  bed_wait 10 'a network of its own' grep -q sleep "/proc/$(bed_pid apart)/comm"
  "${BED_WITHIN[@]}" ip link set lo up
  "${BED_WITHIN[@]}" sysctl -q net.ipv4.tcp_fastopen=5
  peer bob receive
  BED_WITHIN=()
  mkdir "$BED_CGROUP/carol"
  telltale_config tt "$BED_CGROUP/carol"
  telltale_start tt
  BED_WITHIN=(nsenter "--net=/proc/$(bed_pid apart)/ns/net")
  peer carol forward "$(port_of bob)"
  [ "$("${BED_WITHIN[@]}" python3 "$PEER" pay "$(port_of carol)" 10 syn)" = '10 0' ]
  BED_WITHIN=()
  all_forwarded 10
}

@test "an urgent byte between requests hides none of them" {
  forwarder
  [ "$(python3 "$PEER" pay "$(port_of carol)" 10 urgent)" = '10 0' ]
  all_forwarded 10
}

@test "POSTs behind a GET whose answer is outstanding get their own answers" {
  peer bob receive "$BED/gate"
  mkdir "$BED_CGROUP/alice"
  telltale_config tt "$BED_CGROUP/alice"
  telltale_start tt
  bed_spawn alice python3 "$PEER" pay "$(port_of bob)" 6 behind "$BED/gate"
  bed_wait 20 'the payer' grep -q '^3 3$' "$BED/alice.log"
  bed_wait 20 'its exchanges' test_metric 6 tt telltale_exchanges_total
  [ "$(telltale_metric tt telltale_coverage_complete)" = 1 ]
  telltale_stop tt
  [ "$(telltale_truth tt outcomes fulfilled)" = 3 ]
  [ "$(telltale_truth tt outcomes rejected)" = 3 ]
}

@test "a POST behind a GET in one segment is read" {
  mkdir "$BED_CGROUP/bob"
  telltale_config tt "$BED_CGROUP/bob"
  telltale_start tt
  peer bob receive
  [ "$(python3 "$PEER" pay "$(port_of bob)" 9 together)" = '9 0' ]
  bed_wait 20 'them to be judged' test_metric 9 tt telltale_exchanges_by_origin_total 'origin="received"'
  [ "$(telltale_metric tt telltale_coverage_complete)" = 1 ]
  telltale_stop tt
}

is_read() {
  grep -q "reading the TLS library of process $1 " "$BED/tt.log"
}

# over_tls WHO WAY COUNT [FILE]: telltale beside WHO, bob or alice, who pays over TLS.
over_tls() {
  local who=$1
  shift
  bed_certificates
  mkdir "$BED_CGROUP/$who"
  telltale_config tt "$BED_CGROUP/$who"
  telltale_start tt
  CERT=$BED/server.pem KEY=$BED/server.key peer bob receive ${3:+"$3"}
  GO=$BED/go CA=$BED/ca.pem bed_spawn alice python3 "$PEER" pay "$(port_of bob)" "$2" "$1" ${3:+"$3"}
  bed_wait 20 "$who to be read" is_read "$(bed_pid "$who")"
  touch "$BED/go"
}

@test "inside TLS, POSTs behind a GET whose answer is outstanding get their own answers" {
  over_tls alice behind 6 "$BED/gate"
  bed_wait 20 'the payer' grep -q '^3 3$' "$BED/alice.log"
  bed_wait 20 'its exchanges' test_metric 6 tt telltale_exchanges_total
  [ "$(telltale_metric tt telltale_coverage_complete)" = 1 ]
  telltale_stop tt
  [ "$(telltale_truth tt outcomes fulfilled)" = 3 ]
  [ "$(telltale_truth tt outcomes rejected)" = 3 ]
}

@test "inside TLS, a POST behind a GET in one call is read by who sends it" {
  over_tls alice together 9
  bed_wait 20 'the payer' grep -q '^9 0$' "$BED/alice.log"
  bed_wait 20 'its exchanges' test_metric 9 tt telltale_exchanges_by_origin_total 'origin="originated"'
  [ "$(telltale_metric tt telltale_coverage_complete)" = 1 ]
  telltale_stop tt
}

@test "and by who gets it" {
  over_tls bob together 9
  bed_wait 20 'the payer' grep -q '^9 0$' "$BED/alice.log"
  bed_wait 20 'its exchanges' test_metric 9 tt telltale_exchanges_by_origin_total 'origin="received"'
  [ "$(telltale_metric tt telltale_coverage_complete)" = 1 ]
  telltale_stop tt
}

# amid: telltale is attached to alice while answers to three of her requests are under way.
amid() {
  mkdir "$BED_CGROUP/alice"
  telltale_config tt "$BED_CGROUP/alice"
  bed_spawn alice python3 "$PEER" pay "$(port_of bob)" 14 amid "$BED/gate"
  bed_wait 20 'requests under way' test -e "$BED/gate.asked"
  telltale_start tt
  [[ -z ${CA:-} ]] || bed_wait 20 'alice to be read' is_read "$(bed_pid alice)"
  touch "$BED/gate.go"
  bed_wait 20 'the payer' grep -q '^7 7$' "$BED/alice.log"
  bed_wait 20 'its exchanges' test_metric 11 tt telltale_exchanges_total
  [ "$(telltale_metric tt telltale_coverage_complete)" = 0 ]
  telltale_stop tt
  # Of the five that were asked behind three unseen ones, Fulfills that fit prove three. They say nothing of the
  # others. The six after them are certain again.
  [ "$(telltale_truth tt outcomes fulfilled)" = 6 ]
  [ "$(telltale_truth tt outcomes rejected)" = 3 ]
  [ "$(telltale_truth tt lost unsure)" = 2 ]
  # A Fulfill of 100 would be one that took the answer of another.
  [ "$(telltale_truth tt value)" = $((6 * 12)) ]
}

@test "attached while answers are under way, telltale takes none of them for another's" {
  peer bob receive "$BED/gate"
  amid
}

@test "nor inside TLS" {
  bed_certificates
  CERT=$BED/server.pem KEY=$BED/server.key peer bob receive "$BED/gate"
  CA=$BED/ca.pem amid
}

# two_paths: namespaces of alice and bob with two networks between them; MPTCP uses both.
two_paths() {
  local i net
  [[ $(cat /proc/sys/net/mptcp/enabled 2>/dev/null) == 1 ]] || skip 'this kernel has no MPTCP'
  for net in alice bob; do
    bed_spawn "$net.net" unshare --net sleep infinity
    bed_wait 10 'a network of its own' grep -q sleep "/proc/$(bed_pid $net.net)/comm"
  done
  for i in 1 2; do
    in_net alice ip link add "a$i" type veth peer name "b$i" netns "$(net_of bob)"
    in_net alice ip address add "10.78.$i.1/24" dev "a$i"
    in_net bob ip address add "10.78.$i.2/24" dev "b$i"
    in_net alice ip link set "a$i" up
    in_net bob ip link set "b$i" up
  done
  in_net bob ip mptcp limits set subflows 2
  in_net alice ip mptcp limits set subflows 2
  in_net alice ip mptcp endpoint add 10.78.2.1 dev a2 subflow
}

net_of() {
  echo "/proc/$(bed_pid "$1.net")/ns/net"
}

in_net() {
  nsenter "--net=$(net_of "$1")" "${@:2}"
}

@test "a Prepare that MPTCP sends again on another path, as the first one fails, is one payment" {
  two_paths
  mkdir "$BED_CGROUP/alice"
  telltale_config tt "$BED_CGROUP/alice"
  telltale_start tt
  export MPTCP=10.78.1.2
  BED_WITHIN=(nsenter "--net=$(net_of bob)")
  peer bob receive
  BED_WITHIN=(nsenter "--net=$(net_of alice)")
  bed_spawn alice python3 "$PEER" pay "$(port_of bob)" 4 halting "$BED/paid"
  BED_WITHIN=()
  bed_wait 20 'the first payment' test -e "$BED/paid"
  bed_wait 20 'the second path' eval 'in_net alice ss -Mtin | grep -q subflows:1'
  in_net bob ip link set b1 down
  touch "$BED/paid.go"
  bed_wait 60 'the payer' grep -q '^4 0$' "$BED/alice.log"
  bed_wait 20 'them to be judged' test_metric 4 tt telltale_exchanges_by_origin_total 'origin="originated"'
  telltale_stop tt
  for key in prepares fulfills; do [ "$(telltale_truth tt $key)" = 4 ]; done
  [ "$(telltale_truth tt outcomes fulfilled)" = 4 ]
  # The try on the path that failed was seen too.
  [ "$(telltale_truth tt lost shutdown)" = 1 ]
}

@test "what comes in over a WebSocket, begun before telltale or after, is not counted as the connector's own" {
  peer bob receive
  peer carol forward "$(port_of bob)"
  bed_spawn before python3 "$PEER" pay "$(port_of carol)" 5 websocket "$BED/before"
  bed_wait 20 'the first one' test -e "$BED/before"
  telltale_config tt "$BED_CGROUP/carol"
  telltale_start tt
  touch "$BED/before.go" "$BED/after.go"
  bed_wait 20 'its payments' grep -q '^5 0$' "$BED/before.log"
  [ "$(python3 "$PEER" pay "$(port_of carol)" 5 websocket "$BED/after")" = '5 0' ]
  bed_wait 20 'all to be judged' test_metric 10 tt telltale_exchanges_by_origin_total 'origin="unknown"'
  [ "$(telltale_metric tt transactions_total)" = 0 ]
  [ "$(telltale_metric tt telltale_opaque_connections_total 'reason="upgraded"')" = 2 ]
  [ "$(telltale_metric tt telltale_coverage_complete)" = 0 ]
  telltale_stop tt
}

@test "nor what comes in over one inside TLS" {
  bed_certificates
  peer bob receive
  CERT=$BED/server.pem KEY=$BED/server.key peer carol forward "$(port_of bob)"
  telltale_config tt "$BED_CGROUP/carol"
  telltale_start tt
  bed_wait 20 'carol to be read' is_read "$(bed_pid carol)"
  touch "$BED/paid.go"
  [ "$(CA=$BED/ca.pem python3 "$PEER" pay "$(port_of carol)" 5 websocket "$BED/paid")" = '5 0' ]
  bed_wait 20 'all to be judged' test_metric 5 tt telltale_exchanges_by_origin_total 'origin="unknown"'
  [ "$(telltale_metric tt transactions_total)" = 0 ]
  [ "$(telltale_metric tt telltale_opaque_connections_total 'reason="upgraded"')" = 1 ]
  telltale_stop tt
}

@test "a stranger who holds thousands of connections keeps no forwarded payment from being unknown" {
  forwarder
  [ "$(python3 "$PEER" pay "$(port_of carol)" 1 plain)" = '1 0' ]
  bed_spawn stranger python3 "$PEER" hold "$(port_of carol)" 8300
  bed_wait 60 'the stranger' grep -q open "$BED/stranger.log"
  [ "$(python3 "$PEER" pay "$(port_of carol)" 8 plain)" = '8 0' ]
  bed_wait 20 'them to be judged' test_metric 8 tt telltale_exchanges_by_origin_total 'origin="unknown"'
  [ "$(telltale_metric tt telltale_exchanges_by_origin_total 'origin="originated"')" = 0 ]
  [ "$(telltale_metric tt transactions_total)" = 0 ]
  [ "$(telltale_metric tt telltale_coverage_complete)" = 0 ]
  [ "$(telltale_metric tt telltale_gaps_total 'cause="full"')" -gt 0 ]
  telltale_stop tt
}

@test "nor one who holds them inside TLS" {
  bed_certificates
  peer bob receive
  mkdir "$BED_CGROUP/carol"
  telltale_config tt "$BED_CGROUP/carol" 'tls_connections: 16'
  telltale_start tt
  CERT=$BED/server.pem KEY=$BED/server.key peer carol forward "$(port_of bob)"
  bed_wait 20 'carol to be read' is_read "$(bed_pid carol)"
  export CA=$BED/ca.pem
  # What a stranger holds alone keeps nothing back.
  bed_spawn stranger python3 "$PEER" hold "$(port_of carol)" 20
  bed_wait 60 'the stranger' grep -q open "$BED/stranger.log"
  mkdir "$BED_CGROUP/carol/own"
  [ "$("$ROOT/tests/e2e/in-cgroup" "$BED_CGROUP/carol/own" env -u CA python3 "$PEER" pay "$(port_of bob)" 2 plain)" = '2 0' ]
  bed_wait 20 'them to be judged' test_metric 2 tt telltale_exchanges_by_origin_total 'origin="originated"'
  [ "$(python3 "$PEER" pay "$(port_of carol)" 8 plain)" = '8 0' ]
  bed_wait 20 'them to be judged' test_metric 8 tt telltale_exchanges_by_origin_total 'origin="unknown"'
  [ "$(telltale_metric tt telltale_exchanges_by_origin_total 'origin="originated"')" = 2 ]
  [ "$(telltale_metric tt telltale_gaps_total 'cause="full"')" -gt 0 ]
  telltale_stop tt
}

@test "a stranger who sends garbage, for as long as it likes, does not hold up what the connector pays" {
  forwarder
  mkdir "$BED_CGROUP/carol/own"
  bad=504f5354202f20485454502f312e310d0a436f6e74656e742d4c656e6774683a206d616e790d0a0d0a
  for _ in 1 2 3; do
    # Carol closes the connection, so that it ends.
    python3 "$PEER" say "$(port_of carol)" "$bad"
    [ "$("$ROOT/tests/e2e/in-cgroup" "$BED_CGROUP/carol/own" python3 "$PEER" pay "$(port_of bob)" 2 plain)" = '2 0' ]
  done
  bed_wait 20 'them to be judged' test_metric 6 tt telltale_exchanges_by_origin_total 'origin="originated"'
  [ "$(telltale_metric tt telltale_exchanges_by_origin_total 'origin="unknown"')" = 0 ]
  [ "$(telltale_metric tt telltale_gaps_total 'cause="http"')" = 3 ]
  telltale_stop tt
}

@test "a stranger who speaks HTTP/2 or TLS to the connector does not hold up what it counts" {
  forwarder
  http2=505249202a20485454502f322e300d0a0d0a534d0d0a0d0a
  tls=16030100c8010000c40303$(printf '00%.0s' {1..193})
  bed_spawn h2 python3 "$PEER" say "$(port_of carol)" "$http2"
  bed_spawn hello python3 "$PEER" say "$(port_of carol)" "$tls"
  for name in h2 hello; do bed_wait 20 'strangers' grep -q said "$BED/$name.log"; done
  mkdir "$BED_CGROUP/carol/own"
  [ "$("$ROOT/tests/e2e/in-cgroup" "$BED_CGROUP/carol/own" python3 "$PEER" pay "$(port_of bob)" 5 plain)" = '5 0' ]
  bed_wait 20 'them to be judged' test_metric 5 tt telltale_exchanges_by_origin_total 'origin="originated"'
  [ "$(telltale_metric tt telltale_exchanges_by_origin_total 'origin="unknown"')" = 0 ]
  telltale_stop tt
}
