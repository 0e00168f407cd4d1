# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Real connectors on one Node.js or another.

# node_part NAME: connectors run on it from now on.
node_part() {
  [[ -e $PARTS/$1 ]] || skip "needs scripts/parts-tls${2:+ $2}: $1 is not there"
  export NODE=$PARTS/$1/node
  if [[ $1 == node-musl ]]; then NODE=$ROOT/tests/tls/musl-node; fi
  export BED
}

# runs_on NAME [all]: a node that pays over TLS, counted exactly.
runs_on() {
  node_part "$@"
  receiver_tls bob
  url=https://localhost:$(connector_port bob)
  sender alice "$url"
  telltale_config tt "$(connector_cgroup alice)"
  telltale_start tt
  connector_pay alice "{\"payments\":16,\"concurrency\":4,$(to "$url")}"
  connector_hammer alice '{"count":500,"concurrency":16,"receiver":"test.bob"}'
  telltale_stop tt
  exactly tt alice
}
