#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Whole daemons of telltale, each beside a connector that pays, exporting to the whole service.

load ../../e2e/helper

# shellcheck source=tests/service/service.sh
source "$BATS_TEST_DIRNAME/../service.sh"

is() { [[ $("${@:2}") == "$1" ]]; }

same_totals() {
  local name metric has
  for name in one two; do
    for metric in transactions_total packet_count_prepare packet_count_fulfill packet_count_reject packet_amount_fulfill; do
      has=$(telltale_metric "$name" "$metric") &&
        [[ $has == "$(value "{__name__=~\"$metric(_total)?\",source=\"$name\"}")" ]] || return 1
    done
  done
}

@test "the network has what two daemons counted, through a collector killed and connections moved" {
  service_start testnet
  operator_start
  receiver bob
  url=http://127.0.0.1:$(connector_port bob)
  for pair in alice:one carol:two; do
    sender "${pair%:*}" "$url"
    telltale_config "${pair#*:}" "$(connector_cgroup "${pair%:*}")" 'endpoints:' "$(network_endpoint testnet)" "$(own_endpoint)"
    telltale_start "${pair#*:}"
  done
  for who in alice carol; do connector_pay "$who" "{\"payments\":12,\"concurrency\":4,\"seed\":1,$(to "$url")}"; done
  for name in one two; do bed_wait 20 'its payments' test_metric 12 "$name" transactions_total; done
  bed_wait 60 'the same totals' same_totals
  bed_stop collector-0 KILL || true
  for who in alice carol; do connector_pay "$who" "{\"payments\":8,\"concurrency\":4,\"seed\":2,$(to "$url")}"; done
  for name in one two; do bed_wait 20 'its payments' test_metric 20 "$name" transactions_total; done
  bed_wait 60 'the same totals without a collector' same_totals
  replica_start 0
  replica_wait 0
  bed_wait 60 'the sums' is 40 value 'network:transactions:count{window="hour"}'
  [ "$(value 'max(count by (source) (transactions_total))')" = 1 ]
  # The operator's own Prometheus also has all the other metrics.
  [ -n "$(ask 'telltale_exchanges_total{source="one",outcome="fulfilled"}' prometheus-own)" ]
  telltale_stop one
  telltale_stop two
}
