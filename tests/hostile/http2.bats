#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# A stranger speaks HTTP/2 to an honest connector, which pays and is paid over HTTP/2: what is honest is counted exactly,
# as what it is, whatever the stranger does meanwhile.

load ../e2e/helper

HTTP2=$ROOT/tests/e2e/http2.js

# serve NAME WHAT PORT ARGUMENT...: a server in the cgroup NAME.
serve() {
  bed_spawn "$1" node "$HTTP2" "${@:2}"
  bed_wait 30 'the server' grep -q ready "$BED/$1.log"
}

# pays NAME URL [TLS]: a client in the cgroup NAME has been answered a hundred times by URL, and sends 200 packets more when
# the file `go` is there, over the same connection. If it speaks TLS in the target, it does so when its library is read.
pays() {
  local spawn=(bed_spawn)
  [[ -z ${3:-} || $1 != target/* ]] || spawn=(spawn_readable tt target)
  GO=$BED/go "${spawn[@]}" "$1" node "$HTTP2" burst "$2" "$BED/prepare" 300 ${3:+"$3"}
}

# attack NAME ATTACK PORT COUNT [tls]: goes on from now on.
attack() {
  RELEASE=$BED/release PACKET=$BED/prepare bed_spawn "stranger/$1" python3 "$ROOT/tests/hostile/stranger.py" "${@:2}"
  bed_wait 60 "$1" grep -qE 'held|Error' "$BED/stranger/$1.log"
  run ! grep Error "$BED/stranger/$1.log"
}

fulfilled() {
  telltale_metric tt telltale_exchanges_total 'outcome="fulfilled"'
}

originated() {
  telltale_metric tt telltale_exchanges_by_origin_total 'origin="originated"'
}

# How much the targets have sent to the receiver.
sent() {
  telltale_metric tt telltale_peer_exchanges_total "peer=\"127.0.0.1:$(connector_port receiver)/\",outcome=\"fulfilled\""
}

# How much of what the target sent is not its own, or may not be.
others() {
  local origin sum=0
  for origin in unknown forwarded; do
    sum=$((sum + $(telltale_metric tt telltale_exchanges_by_origin_total "origin=\"$origin\"")))
  done
  echo $sum
}

@test "a stranger holds all that HTTP/2 lets him hold: what the connector sends and gets is counted exactly" {
  bed_certificates
  prepare_file "$BED/prepare"
  mkdir -p "$BED/target" "$BED/outside" "$BED/stranger" "$BED_CGROUP/target"
  local bob bob_tls carol carol_tls relay client clients=(target/pays outside/pays target/pays_tls outside/pays_tls)
  bob=$(bed_free_port) && serve outside/bob serve "$bob"
  bob_tls=$(bed_free_port) && serve outside/bob_tls serve "$bob_tls" "$BED"
  carol=$(bed_free_port) && serve target/carol serve "$carol"
  carol_tls=$(bed_free_port) && serve target/carol_tls serve "$carol_tls" "$BED"
  receiver receiver
  relay=$(bed_free_port) && serve target/relay forward "$relay" "http://127.0.0.1:$(connector_port receiver)/"
  telltale_config tt "$BED_CGROUP/target"
  telltale_start tt
  telltale_follows_http2 tt
  pays target/pays "http://localhost:$bob"
  pays outside/pays "http://localhost:$carol"
  pays target/pays_tls "https://localhost:$bob_tls" "$BED"
  pays outside/pays_tls "https://localhost:$carol_tls" "$BED"
  bed_wait 60 'a hundred answers each' same fulfilled -- echo 400

  attack names names "$carol" 1500
  attack splinters splinters "$carol" 5000
  attack fronts fronts "$carol" 600
  attack connections_tls connections "$carol_tls" 280 tls
  attack streams streams "$carol" 5000
  bed_wait 20 'his requests to find no room' at_least 1000 telltale_metric tt telltale_gaps_total 'cause="full"'
  touch "$BED/go"
  for client in "${clients[@]}"; do
    bed_wait 60 "$client" grep -q '^fulfilled 300$' "$BED/$client.log"
  done
  bed_wait 30 'all exchanges to be counted' same fulfilled -- echo 1200
  bed_wait 30 'what the connector pays to be its own' same originated -- echo 600
  [ "$(telltale_metric tt telltale_origin_unknown_total)" = 0 ]
  [ "$(telltale_metric tt telltale_exchanges_total 'outcome="lost"')" = 0 ]

  # A peer whose first requests find no room: what the connector forwards for it is not taken for its own.
  bed_spawn outside/peer node "$HTTP2" burst "http://localhost:$relay" "$BED/prepare" 100
  bed_wait 60 'the peer to be answered' grep -q '^fulfilled 100$' "$BED/outside/peer.log"
  # What it sent is read too where there happens to be room: then it is counted beside them.
  bed_wait 30 'what was forwarded to be judged' at_least 100 others
  bed_wait 30 'the ring to be read' telltale_quiet tt
  [ "$(originated)" = 600 ]
  touch "$BED/release"
}

@test "a peer cuts the preface of HTTP/2 where nobody does: what the connector forwards for it is not taken for its own" {
  bed_certificates
  prepare_file "$BED/prepare"
  mkdir -p "$BED/stranger" "$BED/relay" "$BED/relay_tls" "$BED_CGROUP/relay" "$BED_CGROUP/relay_tls"
  local relay relay_tls
  receiver receiver
  relay=$(bed_free_port) && serve relay forward "$relay" "http://127.0.0.1:$(connector_port receiver)/"
  relay_tls=$(bed_free_port) && serve relay_tls forward "$relay_tls" "http://127.0.0.1:$(connector_port receiver)/" "$BED"
  telltale_config tt "$BED_CGROUP/relay
  - cgroup: $BED_CGROUP/relay_tls"
  telltale_start tt
  telltale_follows_http2 tt
  attack pieces pieces "$relay" 1
  attack pieces_tls pieces "$relay_tls" 1 tls
  # What the peer sent is read too where its pieces happen to reach the connector together: then it is counted beside them.
  bed_wait 30 'what was forwarded to be judged' same sent -- echo 2
  [ "$(originated)" = 0 ]
  touch "$BED/release"
}
