#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Checks the ground truth itself: two connectors that saw the same packets must have counted the same, or
# nothing can be compared with them. Needs no telltale.

load helper

@test "sender and receiver agree on every packet of STREAM payments" {
  receiver bob '"reject":{"max_amount":"1000000","code":"T04","fraction":0.02}'
  url=http://127.0.0.1:$(connector_port bob)
  sender alice "$url"
  connector_pay alice "{\"payments\":40,\"concurrency\":16,$(to "$url")}"
  agree alice originated bob received
  [ "$(connector_truth alice originated transactions)" = 40 ]
  [ "$(connector_truth alice originated reject_codes F08)" -gt 0 ]
  [ "$(connector_truth alice originated probe_streams)" -gt 0 ]
}

@test "they agree over TLS" {
  receiver_tls bob
  url=https://localhost:$(connector_port bob)
  sender alice "$url"
  connector_pay alice "{\"payments\":20,\"concurrency\":4,$(to "$url")}"
  agree alice originated bob received
}

@test "they agree on raw exchanges" {
  receiver bob
  sender alice "http://127.0.0.1:$(connector_port bob)"
  connector_hammer alice '{"count":2000,"concurrency":32,"receiver":"test.bob"}'
  agree alice originated bob received
  [ "$(connector_truth alice originated http_errors)" = 0 ]
}

@test "a connector between them forwards what came in, and nothing of its own" {
  receiver bob
  bob=http://127.0.0.1:$(connector_port bob)
  forwarder carol "$bob"
  sender alice "http://127.0.0.1:$(connector_port carol)"
  connector_pay alice "{\"payments\":20,\"concurrency\":8,$(to "$bob")}"
  agree carol forwarded bob received
  [ "$(connector_truth carol originated transactions)" = 0 ]
  [ "$(connector_truth alice originated transactions)" = 20 ]
  [ "$(connector_truth carol relayed fulfills)" = "$(connector_truth alice originated fulfills)" ]
  [ "$(connector_truth carol relayed value)" = "$(connector_truth alice originated value)" ]
}

@test "a caller without the right token is turned away" {
  receiver bob
  connector_start eve "{\"address\":\"test.eve\",\"asset\":$EUR,\"rates\":$RATES,\"peers\":[{
    \"url\":\"http://127.0.0.1:$(connector_port bob)/\",\"token\":\"guess\",\"asset\":$EUR}]}"
  connector_hammer eve '{"count":3,"concurrency":1,"receiver":"test.bob"}'
  [ "$(connector_truth bob unauthorised)" = 3 ]
  [ "$(connector_truth eve originated http_errors)" = 3 ]
}
