#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Shared libssl, 1.1 and 3, called in every way a program may call it: each exchange is counted once.
# One receiver and one telltale serve all tests of this file.

load ../e2e/helper
load talker

setup_file() {
  ((EUID == 0)) || return 0
  make -C "$BATS_TEST_DIRNAME/../.." --no-print-directory build/tests/talker
  bed_init "$BATS_FILE_TMPDIR/bed"
  receiver_tls bob
  mkdir "$BED_CGROUP/talkers"
  telltale_config tt "$BED_CGROUP/talkers"
  telltale_start tt
  export BED BED_CGROUP
}

teardown_file() {
  bed_fini
}

setup() {
  ((EUID == 0)) || skip 'needs root: cgroups and BPF programs are made'
}

teardown() {
  [[ -n ${BATS_TEST_COMPLETED:-} ]] || tail -n 20 "$BED/talker.log" "$BED/tt.log"
}

# counted PREPARES FULFILLS: telltale's, since BEFORE.
counted() {
  (($(telltale_truth tt prepares) - before_prepares == $1 &&
    $(telltale_truth tt fulfills) - before_fulfills == $2))
}

# exchanges LIBRARY MANNER CONNECTIONS REQUESTS ANSWERS [PREPARES] [THREADS]: talks that way, and
# telltale counts ANSWERS fulfilled of PREPARES.
exchanges() {
  before_prepares=$(telltale_truth tt prepares) before_fulfills=$(telltale_truth tt fulfills)
  prepare_file "$BED/prepare" "${SIZE:-0}"
  talker_start "$1" "$2" "$(connector_port bob)" "$3" "$4" "${7:-}"
  talker_go tt
  bed_wait 30 'the talker to end' not bed_alive talker
  grep -qx "answered $5" "$BED/talker.log"
  bed_wait 10 'telltale to count so many' counted "${6:-$5}" "$5" || {
    cat "$BED/tt.truth"
    echo "before: $before_prepares Prepares, $before_fulfills fulfilled"
    return 1
  }
}

@test "SSL_write and SSL_read, libssl 3" { exchanges 3 plain 3 20 60; }
@test "SSL_write and SSL_read, libssl 1.1" { exchanges 1.1 plain 3 20 60; }
@test "SSL_write_ex and SSL_read_ex, libssl 3" { exchanges 3 plain-ex 3 20 60; }
@test "SSL_write_ex and SSL_read_ex, libssl 1.1" { exchanges 1.1 plain-ex 3 20 60; }

@test "over memory buffers, offered again and again until the handshake is done, libssl 3" {
  exchanges 3 pair 5 10 50
}

@test "over memory buffers, offered again and again until the handshake is done, libssl 1.1, _ex" {
  exchanges 1.1 pair-ex 5 10 50
}

@test "a request written seven bytes a call, an answer read five" { exchanges 3 pieces 3 10 30; }
@test "the same through the _ex forms of libssl 1.1" { exchanges 1.1 pieces-ex 3 10 30; }

@test "calls that take only part of 30,000 bytes, or none for want of room, libssl 3" {
  SIZE=30000 exchanges 3 partial 3 10 30
}

@test "calls that take only part of 30,000 bytes, or none for want of room, libssl 1.1, _ex" {
  SIZE=30000 exchanges 1.1 partial-ex 3 10 30
}

# Of each connection the last Prepare's answer is left unread.
@test "one SSL object for one connection after another, each left in the midst of an answer, libssl 3" {
  exchanges 3 clear 10 3 30 40
}

@test "one SSL object for one connection after another, each left in the midst of an answer, libssl 1.1" {
  exchanges 1.1 clear 10 3 30 40
}

@test "objects that take the address of one that was left in the midst of an answer" {
  exchanges 3 again 10 3 30 40
}

@test "sessions that are resumed, libssl 3" {
  exchanges 3 resume 6 4 24
  grep -qx 'resumed 5' "$BED/talker.log"
}

@test "sessions that are resumed, libssl 1.1" {
  exchanges 1.1 resume 6 4 24
  grep -qx 'resumed 5' "$BED/talker.log"
}

@test "a callback in the midst of one call that writes to another connection, libssl 3" {
  exchanges 3 nested 20 1 41
}

@test "a callback in the midst of one call that writes to another connection, libssl 1.1, _ex" {
  exchanges 1.1 nested-ex 20 1 41
}

@test "the BIO interface, libssl 3" { exchanges 3 bio 3 20 60; }
@test "the BIO interface, libssl 1.1" { exchanges 1.1 bio 3 20 60; }
@test "the BIO interface's _ex forms, libssl 3" { exchanges 3 bio-ex 3 20 60; }
@test "the BIO interface's _ex forms, libssl 1.1" { exchanges 1.1 bio-ex 3 20 60; }

@test "sixteen threads, each with connections of its own" { exchanges 3 plain 3 10 480 480 16; }

@test "what cannot be read when the call returns is counted as a gap" {
  prepare_file "$BED/prepare"
  talker_start 3 hidden "$(connector_port bob)" 10 1
  talker_go tt
  bed_wait 30 'the talker to end' not bed_alive talker
  grep -qx 'answered 10' "$BED/talker.log"
  bed_wait 10 'the gaps to be counted' test_metric 10 tt telltale_gaps_total 'cause="load"'
}

@test "nothing else was lost, and TLS that was read is not said to be unreadable" {
  bed_wait 10 'the gaps to be counted' test_metric 10 tt telltale_gaps_total
  [ "$(telltale_metric tt telltale_records_dropped_total)" = 0 ]
  [ "$(telltale_metric tt telltale_opaque_connections_total)" = 0 ]
}
