#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The main job: telltale, from outside the sender, counts exactly what the sender counts itself.

load helper

# pays CONCURRENCY PAYMENTS URL...: makes STREAM payments over these links and expects equal figures.
pays() {
  local concurrency=$1 payments=$2
  shift 2
  sender alice "$@"
  telltale_config tt "$(connector_cgroup alice)"
  telltale_start tt
  connector_pay alice "{\"payments\":$payments,\"concurrency\":$concurrency,$(to "$@")}"
  telltale_stop tt
  exactly tt alice
}

@test "plain HTTP: one payment after the other is counted exactly" {
  receiver bob
  pays 1 20 "http://127.0.0.1:$(connector_port bob)"
}

@test "plain HTTP: 16 payments at once, in several packets with rejects between, are counted exactly" {
  receiver bob '"reject":{"max_amount":"1000000","code":"T04","fraction":0.02}'
  pays 16 96 "http://127.0.0.1:$(connector_port bob)"
}

@test "plain HTTP: 128 payments at once are counted exactly" {
  receiver bob
  pays 128 256 "http://127.0.0.1:$(connector_port bob)"
}

@test "plain HTTP over IPv6 is counted exactly" {
  needs_ipv6
  receiver bob
  pays 16 64 "http://[::1]:$(connector_port bob)"
}

@test "TLS inside the process: one payment after the other is counted exactly" {
  receiver_tls bob
  pays 1 20 "https://localhost:$(connector_port bob)"
}

@test "TLS inside the process: 16 payments at once are counted exactly" {
  receiver_tls bob '"reject":{"max_amount":"1000000","code":"T04","fraction":0.02}'
  pays 16 96 "https://localhost:$(connector_port bob)"
}

@test "TLS inside the process: 128 payments at once are counted exactly" {
  receiver_tls bob
  pays 128 256 "https://localhost:$(connector_port bob)"
}

@test "TLS over IPv6 is counted exactly" {
  needs_ipv6
  receiver_tls bob
  pays 16 64 "https://[::1]:$(connector_port bob)"
}

@test "plain HTTP to one peer and TLS to another, mixed, are counted exactly" {
  receiver bob
  receiver_tls dora
  pays 16 96 "http://127.0.0.1:$(connector_port bob)" "https://localhost:$(connector_port dora)"
}

@test "connections that were open before telltale attached are followed" {
  receiver bob
  receiver_tls dora
  urls=("http://127.0.0.1:$(connector_port bob)" "https://localhost:$(connector_port dora)")
  sender alice "${urls[@]}"
  connector_pay alice "{\"payments\":16,\"concurrency\":8,\"seed\":2,$(to "${urls[@]}")}"
  connector_count alice
  cp "$BED/alice.count" "$BED/before"
  telltale_config tt "$(connector_cgroup alice)"
  telltale_start tt
  connector_pay alice "{\"payments\":16,\"concurrency\":8,\"seed\":3,$(to "${urls[@]}")}"
  telltale_stop tt
  OPEN_BEFORE=1 exactly tt alice "$BED/before"
}

# timed PROGRAM...: some of what it is run for was timed.
timed() {
  local program
  for program; do
    bed_wait 60 "a run of $program that was timed" at_least 1 telltale_metric tt telltale_programs_timed_ns_total "program=\"$program\""
    (($(telltale_metric tt telltale_programs_timed_total "program=\"$program\"") > 0))
  done
}

@test "20,000 exchanges over plain HTTP: not one is lost; what the programs take is measured" {
  receiver bob
  sender alice "http://127.0.0.1:$(connector_port bob)"
  telltale_config tt "$(connector_cgroup alice)"
  telltale_start tt
  connector_hammer alice '{"count":20000,"concurrency":64,"receiver":"test.bob"}'
  timed socket_out socket_in
  telltale_stop tt
  exactly tt alice
}

@test "20,000 exchanges over TLS: not one is lost; likewise" {
  receiver_tls bob
  sender alice "https://localhost:$(connector_port bob)"
  telltale_config tt "$(connector_cgroup alice)"
  telltale_start tt
  connector_hammer alice '{"count":20000,"concurrency":64,"receiver":"test.bob"}'
  timed tls_call tls_return
  telltale_stop tt
  exactly tt alice
}

@test "a node that only receives originates nothing" {
  receiver bob
  url=http://127.0.0.1:$(connector_port bob)
  sender alice "$url"
  telltale_config tt "$(connector_cgroup bob)"
  telltale_start tt
  connector_pay alice "{\"payments\":16,\"concurrency\":8,$(to "$url")}"
  bed_wait 20 'telltale to see what bob received' \
    test_metric 16 tt telltale_transactions_total 'origin="received"'
  [ "$(telltale_metric tt telltale_transactions_total 'origin="originated"')" = 0 ]
  [ "$(telltale_metric tt transactions_total)" = 0 ]
  telltale_stop tt
  [ "$(telltale_truth tt transactions)" = 0 ]
  [ "$(telltale_truth tt value)" = 0 ]
}

@test "a second telltale on the same target is told so" {
  receiver bob
  telltale_config tt "$(connector_cgroup bob)"
  telltale_start tt
  sed "s/^listen: .*/listen: none/; s/^endpoints: .*//" "$BED/tt.yaml" >"$BED/second.yaml"
  echo 'endpoints: [{url: http://127.0.0.1:9, audience: own}]' >>"$BED/second.yaml"
  telltale_spawn second
  bed_wait 20 'the second to end' not bed_alive second
  run bed_stop second
  [ "$status" = 1 ]
  grep -qi 'already' "$BED/second.log"
  bed_alive tt
}
