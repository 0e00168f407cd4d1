#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Auto-peering gives one connector URL to many peers and tells them apart by bearer token alone.

load helper

@test "two peers in different assets behind one endpoint are distinguished by token" {
  connector_start bob "{$BOB,\"asset\":$EUR,\"listen\":{\"host\":\"127.0.0.1\"},\"incoming\":[
    {\"token\":\"token-of-euros\",\"asset\":$EUR},{\"token\":\"token-of-dollars\",\"asset\":$USD}]}"
  url=http://127.0.0.1:$(connector_port bob)
  peers="[{\"name\":\"euros\",\"url\":\"$url/\",\"token\":\"token-of-euros\",\"asset\":$EUR},
    {\"name\":\"dollars\",\"url\":\"$url/\",\"token\":\"token-of-dollars\",\"asset\":$USD}]"
  connector_start alice "{\"address\":\"test.alice\",\"asset\":$EUR,\"rates\":$RATES,\"peers\":$peers}"
  telltale_config tt "$(connector_cgroup alice)"
  sed -i '/^default_asset/d' "$BED/tt.yaml"
  telltale_peers tt "$peers" >"$BED/imported"
  run ! grep -q token-of- "$BED/imported"
  cat "$BED/imported" >>"$BED/tt.yaml"
  telltale_start tt
  connector_pay alice "{\"payments\":32,\"concurrency\":8,\"min\":100000,\"to\":[{\"url\":\"$url/pay\"}]}"
  [ "$(connector_truth alice originated units EUR/6)" -gt 0 ]
  [ "$(connector_truth alice originated units USD/9)" -gt 0 ]
  [ "$(telltale_metric tt telltale_unattributed_total)" = 0 ]
  telltale_stop tt
  exactly tt alice
}

@test "an amount that no configuration attributes is counted as such, never guessed" {
  receiver bob
  url=http://127.0.0.1:$(connector_port bob)
  sender alice "$url"
  telltale_config tt "$(connector_cgroup alice)"
  sed -i '/^default_asset/d' "$BED/tt.yaml"
  telltale_start tt
  connector_pay alice "{\"payments\":8,\"concurrency\":4,$(to "$url")}"
  fulfills=$(connector_truth alice originated fulfills)
  bed_wait 20 'every fulfilled packet to be unattributed' \
    test_metric "$fulfills" tt telltale_unattributed_total
  [ "$(telltale_metric tt telltale_coverage_complete)" = 0 ]
  telltale_stop tt
  [ "$(telltale_truth tt fulfills)" = "$fulfills" ]
  [ "$(telltale_truth tt value)" = 0 ]
}
