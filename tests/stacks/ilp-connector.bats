#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Whole connectors of the JavaScript generation in a row: alice pays bob through a and b, by STREAM. The
# connectors' own Prometheus counters and the wallets' journals are compared with telltale's figures.

load helper

# account NAME RELATION PORT URL [MORE]: prints one account of a connector's configuration.
account() {
  printf '"%s": {"relation": "%s", "plugin": "ilp-plugin-http", "assetCode": "EUR", "assetScale": 6,
    "options": {"incoming": {"port": %s, "staticToken": "secret"},
      "outgoing": {"url": "%s", "staticToken": "secret"}}%s}' "$@"
}

# connector NAME ADMIN_PORT ACCOUNT...
connector() {
  local name=$1 admin=$2
  shift 2
  printf '{"ilpAddress": "test.%s", "env": "test", "backend": "one-to-one", "spread": 0, "store": "memory",
    "adminApi": true, "adminApiPort": %s, "routeBroadcastInterval": 1000, "accounts": {%s, %s}}' \
    "$name" "$admin" "$@" >"$BED/$name.json"
  node_in ilp-connector "$name" connector.js "$BED/$name.json"
  ready "$name" "$admin"
}

url() {
  echo "http://127.0.0.1:$1/"
}

# has_route ADMIN_PORT PREFIX
has_route() {
  curl --silent --fail "http://127.0.0.1:$1/routing" | grep -q "\"$2\""
}

# It may also have failed; the later checks would then only show that something is missing.
has_paid() {
  grep -q paid "$BED/alice.log" || ! bed_alive alice
}

# look NAME: what both connectors count, and telltale of NAME, one right after the other: each second there are more route
# updates, and later figures have them.
look() {
  curl --silent --fail "http://127.0.0.1:$admin_a/metrics" --output "$BED/a.now" \
    "http://127.0.0.1:$admin_b/metrics" --output "$BED/b.now" \
    "http://$(sed -n 's/^listen: *//p' "$BED/tt-$1.yaml")/metrics" --output "$BED/tt.now"
}

# counter NAME incoming|outgoing RESULT [ACCOUNT]: prints what a connector had counted itself at the last look. A packet
# that came in and failed inside it goes back as a Reject.
counter() {
  [[ $2 != incoming || $3 != rejected ]] || set -- "$1" "$2" '(rejected|failed)' "${4:-}"
  awk -v name="ilp_connector_$2_ilp_packets{" -v result="result=\"$3\"" -v account="${4:+account=\"$4\"}" '
    index($0, name) == 1 && $0 ~ result && index($0, account) { sum += $NF } END { print sum + 0 }' "$BED/$1.now"
}

# as_counted NAME OTHER WALLET RESULT: what NAME counted as coming in, and as going out to its wallet, and
# what OTHER counted as coming from it: a connector leaves the route updates that it sends out of its own
# counters. It also leaves out what it turns away for its size (F08), which alice counted.
as_counted() {
  local own seen too_large=0
  look "$1" || return
  [[ $1 != a || $4 != rejected ]] || too_large=$(grep -c '^sent .*:F08$' "$BED/alice.journal")
  own=$(($(counter "$1" incoming "$4") + $(counter "$1" outgoing "$4" "$3") +
    $(counter "$2" incoming "$4" "$1") + too_large))
  seen=$(metrics_sum telltale_exchanges_total "outcome=\"$4\"" <"$BED/tt.now")
  echo "$1 $4: $own by the connectors, $seen seen"
  [[ $seen == "$own" ]]
}

# agrees NAME OTHER WALLET: compares telltale's figures of NAME, until they agree: route updates are exchanged
# all the time, but a packet that telltale missed would stay missing.
agrees() {
  local result
  for result in fulfilled rejected; do
    bed_wait 30 "the $result packets of $1 to be seen" as_counted "$@" $result || {
      grep '_ilp_packets{' "$BED/a.now" "$BED/b.now"
      as_counted "$@" $result
    }
  done
  [ "$(telltale_metric "tt-$1" telltale_transactions_total 'origin="forwarded"')" = 8 ]
  [ "$(telltale_metric "tt-$1" transactions_total)" = 0 ]
  [ "$(telltale_metric "tt-$1" telltale_gaps_total)" = 0 ]
  [ "$(telltale_metric "tt-$1" telltale_unmatched_total)" = 0 ]
}

@test "alice pays bob through two connectors: all four count what telltale counts" {
  needs_stack ilp-connector
  for name in alice a b bob; do mkdir -p "$BED_CGROUP/$name"; done
  alice=$(bed_free_port) bob=$(bed_free_port)
  ab=$(bed_free_port) ba=$(bed_free_port) admin_a=$(bed_free_port) admin_b=$(bed_free_port)
  in_a=$(bed_free_port) in_b=$(bed_free_port)
  watch tt-a a
  watch tt-b b
  watch tt alice bob
  connector a "$admin_a" "$(account alice child "$in_a" "$(url "$alice")" ', "maxPacketAmount": "30000"')" \
    "$(account b peer "$ab" "$(url "$ba")" '')"
  connector b "$admin_b" "$(account a peer "$ba" "$(url "$ab")" '')" \
    "$(account bob child "$in_b" "$(url "$bob")" '')"
  bed_wait 60 'a to know the way to b' has_route "$admin_a" test.b
  bed_wait 60 'b to know the way to a' has_route "$admin_b" test.a

  node_in ilp-connector bob wallet.js receive "$bob" "$(url "$in_b")" "$BED/bob.journal" "$BED/credentials"
  bed_wait 60 'bob to be ready' test -e "$BED/credentials"
  node_in ilp-connector alice wallet.js pay "$alice" "$(url "$in_a")" "$BED/alice.journal" \
    "$BED/credentials" "$BED/go" 8
  touch "$BED/go"
  bed_wait 120 'alice to have paid' has_paid

  agrees a b alice
  agrees b a bob
  for name in a b; do
    telltale_stop tt-$name
    [ "$(telltale_truth tt-$name prepares)" = 0 ]
  done
  says_the_same tt sent=alice received=alice sent=bob received=bob
}
