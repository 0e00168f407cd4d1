#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# From a bare Debian 12, with nothing of this host, to counted payments, and how long that takes. Its files come from
# Debian's servers, by mmdebstrap, or are those in the folder BARE.

load ../../e2e/helper
load ../../targets/systemd

setup_file() {
  make -C "$(dirname "$BATS_TEST_DIRNAME")/../.." --no-print-directory -s deb >&2
}

bare() {
  if [[ -z ${BARE:-} ]]; then
    command -v mmdebstrap >/dev/null || skip 'needs mmdebstrap'
    BARE=$BED/bare
    mmdebstrap --variant=minbase --include=systemd-sysv bookworm "$BARE" >&2
  fi
  export BOOT_ROOT=$BARE
}

# timed WHAT COMMAND...: reports how long it took.
timed() {
  local begun=${EPOCHREALTIME//[^0-9]/}
  "${@:2}"
  echo "# $1: $(((${EPOCHREALTIME//[^0-9]/} - begun) / 1000)) ms" >&3
}

paid() {
  connector_hammer alice '{"count":50,"concurrency":4,"receiver":"test.bob","probes":0}'
  bed_wait 20 'the payments' at_least 1 transactions
}

transactions() {
  curl --silent --fail --unix-socket "$(there /run/telltale/page.sock)" http://localhost/metrics | metrics_sum transactions_total
}

@test "on a bare Debian 12, three commands lead to counted payments" {
  bare
  systemd_payer
  # Node.js that needs no library of this host.
  cp "$PARTS/node-24/node" "$BED/node"
  sed -i "s,$(command -v node),$BED/node," "$BED/units/alice.service"
  cp "$ROOT/build/telltale_0.1.0_$(dpkg --print-architecture).deb" "$BED/telltale.deb"
  systemd_start
  ctl start alice.service
  bed_wait 60 alice test -e "$BED/alice.ready"
  main_pid alice >"$BED/alice.pid"
  timed 'apt update' run_there apt-get --quiet update
  timed 'apt install' run_there env DEBIAN_FRONTEND=noninteractive apt-get --quiet --yes install "$BED/telltale.deb"
  timed 'telltale enable' run_there telltale enable --target unit:alice.service --network testnet --yes
  timed 'fifty payments counted' paid
}
