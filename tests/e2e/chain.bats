#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Three nodes in a row, each with a telltale of its own, all exporting to one network collector: a
# payment is counted once, where it began.

load helper

@test "A pays B through C: the network's totals are what A originated, and nothing of C's or B's" {
  receiver bob
  bob=http://127.0.0.1:$(connector_port bob)
  forwarder carol "$bob" '"reject":{"max_amount":"1000000","code":"T04","fraction":0.02}'
  sender alice "http://127.0.0.1:$(connector_port carol)"
  collector_start network
  for node in alice carol bob; do
    telltale_config "tt-$node" "$(connector_cgroup $node)" 'endpoints:' \
      "$(telltale_endpoint "$(collector_url network)" network)"
    telltale_start "tt-$node"
  done

  connector_pay alice "{\"payments\":48,\"concurrency\":16,$(to "$bob")}"
  bed_wait 20 'carol to be seen forwarding' \
    test_metric 48 tt-carol telltale_transactions_total 'origin="forwarded"'
  bed_wait 20 'bob to be seen receiving' \
    test_metric 48 tt-bob telltale_transactions_total 'origin="received"'
  for node in alice carol bob; do telltale_stop "tt-$node"; done

  exactly tt-alice alice
  for node in carol bob; do
    [ "$(telltale_truth tt-$node transactions)" = 0 ]
    [ "$(telltale_truth tt-$node prepares)" = 0 ]
    [ "$(telltale_truth tt-$node value)" = 0 ]
  done
  # Each sent its last export when it ended; one line of the file holds one instance's.
  for metric in transactions_total packet_count_prepare packet_count_fulfill packet_count_reject; do
    key=${metric#packet_count_}
    key=${key%_total}
    [ "$key" = transactions ] || key+=s
    total=0
    for node in alice carol bob; do
      total=$((total + $(collector_sum network $metric source=tt-$node)))
    done
    echo "$metric: network $total"
    [ "$total" = "$(connector_truth alice originated "$key")" ]
  done
}

@test "what goes to the network's collector carries nothing of the operator's own view" {
  receiver bob
  url=http://127.0.0.1:$(connector_port bob)
  sender alice "$url"
  collector_start network
  collector_start own
  telltale_config tt "$(connector_cgroup alice)" 'endpoints:' \
    "$(telltale_endpoint "$(collector_url network)" network)" \
    "$(telltale_endpoint "$(collector_url own)" own)"
  telltale_start tt
  connector_pay alice "{\"payments\":4,\"concurrency\":2,$(to "$url")}"
  telltale_stop tt
  collector_sum own telltale_records_total
  collector_sum network transactions_total
  run ! collector_sum network telltale_records_total
  run ! collector_sum network telltale_exchanges_total
}
