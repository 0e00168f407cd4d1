#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The export stage against scripted OTLP/gRPC servers; export_cases.py and export_faults.py hold the cases.

setup_file() {
  cd "$BATS_TEST_DIRNAME/../.." || return
  make -s build/tests/exporter build/venv/ready >&2
}

setup() {
  cd "$BATS_TEST_DIRNAME/../.." || return
}

# A case that cannot run here ends with status 77 and says why.
case_passes() {
  run build/venv/bin/python -B tests/e2e/export_cases.py "$1"
  if [ "$status" -eq 77 ]; then
    skip "${output#skip: }"
  fi
  echo "$output"
  [ "$status" -eq 0 ]
}

@test "a snapshot arrives as OTLP defines it: resource, scope, times, sums, histograms, headers" {
  case_passes arrives
}

@test "an endpoint of the operator's own gets the operational metrics too" {
  case_passes own_gets_all
}

@test "after UNAVAILABLE the newest snapshot is sent, not the old one" {
  case_passes retry_sends_newest
}

@test "an endpoint that was away from the start gets the zeros first, then the newest" {
  case_passes the_first_goes_first
}

@test "each of gRPC's 16 codes is retried or dropped as OTLP says" {
  case_passes each_status_code
}

@test "a slow collector is waited for until the deadline, and no longer" {
  case_passes slow
}

@test "half-closed and reset connections lose no total" {
  case_passes half_closed
}

@test "an endpoint that does not speak gRPC is reported in words, and may be replaced by one that does" {
  case_passes garbage
}

@test "an answer that is not OTLP, and details that are garbage, change nothing" {
  case_passes garbage_inside
}

@test "INVALID_ARGUMENT is counted, logged once and not sent again" {
  case_passes refusal_is_final
}

@test "what a collector repeats of its headers appears in no log, status or check" {
  case_passes a_secret_is_not_repeated
}

@test "the bytes of an endpoint are those of what it acknowledged" {
  case_passes bytes_are_those_that_arrived
}

@test "RESOURCE_EXHAUSTED without RetryInfo is final" {
  case_passes exhausted_without_retry_info
}

@test "RESOURCE_EXHAUSTED with RetryInfo is tried again" {
  case_passes exhausted_with_retry_info
}

@test "the delay that RetryInfo asks for is kept, except by the flush at the end" {
  case_passes retry_info_is_honoured
}

@test "a partial success is counted, logged once and not sent again" {
  case_passes partial_success
}

@test "an endpoint that never answers does not delay the other" {
  case_passes one_down_does_not_delay_the_other
}

@test "an export without an answer ends at its deadline and is tried again" {
  case_passes silence_ends_at_the_deadline
}

@test "a dead connection is replaced after one deadline" {
  case_passes a_connection_dies_unnoticed
}

@test "a collector that restarts gets the next snapshot" {
  case_passes server_restarts
}

@test "connections closed for their age lose no export" {
  case_passes connection_age
}

@test "the last snapshot is delivered at shutdown although the exporter was backing off" {
  case_passes flush_delivers_the_last
}

@test "shutdown gives up in time and says why the last snapshot did not arrive" {
  case_passes flush_gives_up
}

@test "shutdown with nothing to send does not wait" {
  case_passes flush_without_a_snapshot
}

@test "gzip compresses what goes over the wire, and only when asked for" {
  case_passes gzip
}

@test "TLS: a collector is trusted by the given CA file and by no other" {
  case_passes tls
}

@test "mutual TLS: exports work with the client certificate and not without it" {
  case_passes mutual_tls
}

@test "a CA, certificate or key file that cannot serve stops the start, in words" {
  case_passes bad_files
}

@test "a header that cannot be sent stops the start, its value is not shown" {
  case_passes bad_header
}

@test "a request over 64 MiB is not sent" {
  case_passes too_large_a_request
}

@test "an answer over 4 MiB is not asked for again" {
  case_passes too_large_an_answer
}

@test "more metadata than is read is not asked for again" {
  case_passes too_large_a_trailer
}

@test "certificates rotated on both sides, file by file, cost no export" {
  case_passes rotated
}

@test "new certificates do not shorten a pause that the collector asked for" {
  case_passes rotated_while_asked_to_wait
}

@test "when a CA file is damaged, missing or not a file, the one read before stays in use" {
  case_passes a_ca_file_that_cannot_serve
}

@test "every kind of metric at the edge of what it can hold reads well by the official definitions" {
  case_passes edges
}

@test "a snapshot without a point is a request without a metric" {
  case_passes empty
}

@test "an IPv6 address works as an endpoint" {
  case_passes ipv6
}

@test "the exporter's threads have no capability and get no signals" {
  case_passes no_privilege
}

@test "the environment's proxy is used, and never for loopback or for what no_proxy names" {
  case_passes proxies
}

@test "one attempt says in words why an endpoint cannot be used" {
  case_passes trying
}
