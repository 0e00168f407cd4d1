#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Whatever happens to telltale, the connector does not notice.

load helper

# The numbers of the BPF links a process holds.
links_of() {
  sed -n 's/^link_id:[[:space:]]*//p' /proc/"$1"/fdinfo/*
}

gone() {
  ! bpftool link show id "$1"
}

# How many programs for packets are attached at and below a cgroup; fails when none is.
attached() {
  bpftool cgroup tree "$1" | grep -c gress
}

# How many TLS connections the programs of a process follow.
followed() {
  local id ids
  mapfile -t ids < <(sed -n 's/^map_id:[[:space:]]*//p' /proc/"$1"/fdinfo/*)
  for id in "${ids[@]}"; do
    if bpftool map show id "$id" | grep -q 'name tls_flows '; then
      bpftool -j map dump id "$id" | python3 -c 'import json, sys; print(len(json.load(sys.stdin)))'
      return
    fi
  done
  return 1
}

@test "kill -9 under load: no exchange fails and nothing stays attached" {
  receiver bob
  receiver_tls dora
  sender alice "http://127.0.0.1:$(connector_port bob)" "https://localhost:$(connector_port dora)"
  telltale_config tt "$(connector_cgroup alice)"
  telltale_start tt
  pid=$(bed_pid tt)
  [ "$(attached "$BED_CGROUP")" -ge 2 ]
  mapfile -t links < <(links_of "$pid")
  [ "${#links[@]}" -gt 0 ]

  load_begin
  bed_wait 20 'telltale to be at work' at_least 500 telltale_metric tt packet_count_prepare
  kill -KILL "$pid"
  # The load continues: these exchanges, and more, were in progress or came later.
  had=$(connector_truth alice originated prepares)
  bed_wait 60 'thousands of exchanges more' at_least $((had + 5000)) connector_truth alice originated prepares
  load_end

  unharmed
  bed_wait 20 'the programs to be detached' not attached "$BED_CGROUP"
  for link in "${links[@]}"; do bed_wait 20 "link $link to be gone" gone "$link"; done
}

@test "telltale comes and goes under load: no exchange fails" {
  receiver_tls dora
  sender alice "https://localhost:$(connector_port dora)"
  telltale_config tt "$(connector_cgroup alice)"
  load_begin
  for _ in 1 2 3; do
    telltale_start tt
    telltale_stop tt
  done
  load_end
  unharmed
  bed_wait 20 'the programs to be detached' not attached "$BED_CGROUP"
}

# The kernel ends the verification of a program when a signal comes, and one that stops the process is none that can be
# blocked: a debugger sends it, and the freezer of cgroups does the same.
@test "telltale starts though it is stopped again and again while the kernel verifies its programs" {
  receiver_tls dora
  url=https://localhost:$(connector_port dora)
  sender alice "$url"
  telltale_config tt "$(connector_cgroup alice)"
  telltale_spawn tt
  bed_wait 20 'it to load' grep -q 'loading the programs' "$BED/tt.log"
  for _ in {1..40}; do
    kill -STOP "$(bed_pid tt)"
    bed_pause 0.02
    kill -CONT "$(bed_pid tt)"
    bed_pause 0.05
  done
  bed_wait 120 'telltale to end or be ready' telltale_settled tt
  telltale_ready tt
  connector_pay alice "{\"payments\":4,\"concurrency\":4,$(to "$url")}"
  telltale_stop tt
  [ "$(telltale_truth tt prepares)" = "$(connector_truth alice originated prepares)" ]
}

@test "a connector that is killed gives the places of its TLS connections back" {
  receiver_tls dora
  url=https://localhost:$(connector_port dora)
  sender alice "$url"
  telltale_config tt "$(connector_cgroup alice)"
  telltale_start tt
  connector_pay alice "{\"payments\":4,\"concurrency\":4,$(to "$url")}"
  pid=$(bed_pid tt)
  at_least 1 followed "$pid"
  bed_stop alice KILL || true
  bed_wait 20 'the connections to be forgotten' same echo 0 -- followed "$pid"
  telltale_stop tt
}
