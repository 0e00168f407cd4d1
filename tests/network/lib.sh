# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Two connectors in two network namespaces, a bad network between them (shim.c), and a telltale beside
# each. Sourced after ../e2e/helper.bash.

NETWORK_ALICE=10.77.0.1
NETWORK_BOB=10.77.0.2

# network_start [MTU [OPTION...]]: namespaces, and the shim between them with its options.
network_start() {
  local mtu=${1:-1500} side
  shift || true
  make -s -C "$ROOT" build/tests/shim
  for side in alice bob; do
    bed_spawn "$side.net" unshare --net sleep infinity
    bed_wait 10 "namespace of $side" network_apart "$side"
  done
  bed_spawn shim "$ROOT/build/tests/shim" tt0 "$(network_of alice)" "$(network_of bob)" "$@"
  bed_wait 10 'the network' grep -q ready "$BED/shim.log"
  network_device alice $NETWORK_ALICE "$mtu"
  network_device bob $NETWORK_BOB "$mtu"
}

network_of() {
  echo "/proc/$(bed_pid "$1.net")/ns/net"
}

# Whether the process has a namespace of its own by now.
network_apart() {
  [[ $(readlink "$(network_of "$1")") != $(readlink /proc/self/ns/net) ]] &&
    [[ $(cat "/proc/$(bed_pid "$1.net")/comm") == sleep ]]
}

network_device() {
  local within=(nsenter "--net=$(network_of "$1")")
  "${within[@]}" ip address add "$2/24" dev tt0
  "${within[@]}" ip link set tt0 mtu "$3" up
  "${within[@]}" ip link set lo up
}

# in_network SIDE COMMAND...: runs COMMAND so that the processes it spawns are in SIDE's namespace.
in_network() {
  local status=0
  # shellcheck disable=SC2034 # lib.sh reads it
  BED_WITHIN=(nsenter "--net=$(network_of "$1")")
  "${@:2}" || status=$?
  # shellcheck disable=SC2034 # lib.sh reads it
  BED_WITHIN=()
  return "$status"
}

# network_connectors [SCHEME]: bob receives, alice sends to him.
network_connectors() {
  local scheme=${1:-http} tls=
  bed_certificates_for "$NETWORK_BOB"
  [[ $scheme == http ]] || tls=",\"cert\":\"$BED/server.pem\",\"key\":\"$BED/server.key\""
  in_network bob connector_start bob "{$BOB,\"asset\":$EUR,\"listen\":{\"host\":\"$NETWORK_BOB\"$tls},
    \"incoming\":[{\"token\":\"secret-of-alice\",\"asset\":$EUR}]}"
  in_network alice sender alice "$scheme://$NETWORK_BOB:$(connector_port bob)"
}

# Like bed_certificates, for an address.
bed_certificates_for() {
  bed_certificates
  openssl x509 -req -in "$BED/server.csr" -CA "$BED/ca.pem" -CAkey "$BED/ca.key" -CAcreateserial \
    -days 2 -out "$BED/server.pem" 2>/dev/null -extfile <(echo "subjectAltName=IP:$1")
}

network_probes() {
  local side
  for side in alice bob; do
    telltale_config "tt-$side" "$(connector_cgroup "$side")"
    telltale_start "tt-$side"
  done
}

# network_counted NAME: prints of how many exchanges a telltale that has ended saw both halves.
network_counted() {
  echo $(($(telltale_truth "$1" outcomes fulfilled) + $(telltale_truth "$1" outcomes rejected)))
}

# Prints the gaps it counted, and the records it dropped.
network_gaps() {
  awk '/^telltale_gaps_total|^telltale_records_dropped_total/ { sum += $NF } END { print sum + 0 }' \
    "$BED/$1.metrics"
}

# Prints which gaps and dropped records it counted.
network_unseen() {
  awk -v who="$1" '/^telltale_gaps_total|^telltale_records_dropped_total/ && $NF { print who ": " $0 }' "$BED/$1.metrics"
}

# Prints the exchanges that it gave up, whatever the cause.
network_lost() {
  telltale_truth "$1" outcomes lost
}

# network_run COUNT [CONCURRENCY]: exchanges, then both telltales told to end; prints what each
# counted. Fails where a difference is not explained by the exchanges given up and the gaps counted on that
# side: an exchange is missing altogether only when the gap was in its Prepare.
network_run() {
  local count=$1 side counted gaps lost status=0
  connector_hammer alice "{\"count\":$count,\"concurrency\":${2:-32},\"receiver\":\"test.bob\"}" || status=1
  agree alice originated bob received || status=1
  for side in alice bob; do
    bed_wait 10 "$side's telltale to have read its ring" telltale_quiet "tt-$side" || status=1
    telltale_stop "tt-$side" || status=1
    counted=$(network_counted "tt-$side")
    gaps=$(network_gaps "tt-$side")
    lost=$(network_lost "tt-$side")
    printf '%s: %s of %s counted, %s given up, %s gaps\n' "$side" "$counted" "$count" "$lost" "$gaps"
    ((counted <= count && counted + lost <= count && count - counted <= lost + gaps)) || {
      status=1
      grep -E '^telltale_[a-z_]*(total|connections)\b.* [1-9]' "$BED/tt-$side.metrics"
    }
  done
  return "$status"
}
