#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Real connectors on the Node.js releases that are about, on glibc and on musl.

load ../e2e/helper
load node

@test "a connector on Node.js 18" { runs_on node-18; }
@test "a connector on Node.js 24" { runs_on node-24; }

@test "a connector on Node.js 24 built on musl, in a root of its own as in Rafiki's container" {
  runs_on node-musl
}

@test "what comes in to Node.js 24 built on musl" {
  node_part node-musl
  receiver_tls bob
  url=https://localhost:$(connector_port bob)
  NODE=node sender alice "$url"
  telltale_config tt "$(connector_cgroup bob)"
  telltale_start tt
  connector_hammer alice '{"count":300,"concurrency":8,"receiver":"test.bob","zeros":0,"probes":0}'
  fulfills=$(connector_truth alice originated fulfills)
  bed_wait 20 'every exchange to be seen' test_metric "$fulfills" tt telltale_exchanges_total 'outcome="fulfilled"'
  telltale_stop tt
}
