# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# A real systemd as PID 1 of namespaces of its own, its cgroups below $BED_CGROUP/pid1.

# systemd_unit NAME LINE...: a unit of these lines, before systemd_start.
systemd_unit() {
  mkdir -p "$BED/units"
  {
    printf '[Unit]\nDefaultDependencies=no\n'
    printf '%s\n' "${@:2}"
  } >"$BED/units/$1"
}

# systemd_service NAME COMMAND [LINE...]: a service of the connector's kind; lines are added.
systemd_service() {
  systemd_unit "$1" '[Service]' "ExecStart=$2" "StandardOutput=append:$BED/$1.log" \
    "StandardError=append:$BED/$1.log" 'KillMode=mixed' 'Environment=NODE_ENV=production' "${@:3}"
}

systemd_start() {
  [[ -x /lib/systemd/systemd ]] || skip 'needs systemd installed: scripts/bootstrap'
  systemd_unit telltale.target AllowIsolate=yes
  mkdir -p "$BED/root" "$BED_CGROUP/pid1"
  bed_spawn systemd "$ROOT/tests/targets/boot" "$BED_CGROUP/pid1" "$BED/root" "$BED/units" "$ROOT" "$BED"
  bed_wait 30 'systemd' systemd_is_up
}

# The number that PID 1 of that systemd has here.
systemd_pid() {
  head -n 1 "$BED_CGROUP/pid1/init.scope/cgroup.procs"
}

# ctl ARGUMENT...: systemctl there.
ctl() {
  nsenter --target "$(systemd_pid)" --all --root systemctl "$@"
}

systemd_is_up() {
  [[ -n $(systemd_pid) ]] && ctl is-active telltale.target
}

# telltale_there NAME: as telltale_start, in a cgroup namespace whose root is that systemd's.
telltale_there() {
  # shellcheck disable=SC2034 # bed_spawn's
  local BED_WITHIN=("$ROOT/tests/targets/within" "$BED_CGROUP/pid1" "$BED/units")
  telltale_start "$1"
}

# systemd_payer: bob and dora, who are paid, dora over TLS, and the unit alice.service, who pays them, before
# systemd_start. It is ready when $BED/alice.ready is there. Leaves bob's and dora's addresses in url and tls.
systemd_payer() {
  local peer="\"token\":\"secret-of-alice\",\"asset\":$EUR,\"ca\":\"$BED/ca.pem\""
  receiver bob
  receiver_tls dora
  url=http://127.0.0.1:$(connector_port bob)
  tls=https://localhost:$(connector_port dora)
  python3 - "$BED" "{\"address\":\"test.alice\",\"asset\":$EUR,\"rates\":$RATES,
    \"peers\":[{\"url\":\"$url/\",$peer},{\"url\":\"$tls/\",$peer}]}" >"$BED/alice.json" <<'PYTHON'
import json, sys
print(json.dumps(json.loads(sys.argv[2]) |
                 {"name": "alice", "ready": sys.argv[1] + "/alice.ready", "truth": sys.argv[1] + "/alice.end"}))
PYTHON
  systemd_service alice.service "$(command -v node) $ROOT/tests/e2e/connector/main.js $BED/alice.json"
}

# there PATH: a path of that systemd's, as it is found here.
there() {
  echo "/proc/$(systemd_pid)/root$1"
}

run_there() {
  nsenter --target "$(systemd_pid)" --all --root "$@"
}

# main_pid UNIT: its number here, not there.
main_pid() {
  head -n 1 "$BED_CGROUP/pid1/system.slice/$1.service/cgroup.procs"
}

# metric METRIC [LABEL="VALUE"]: as the page says now.
metric() {
  curl --silent --fail --unix-socket "$(there /run/telltale/page.sock)" http://localhost/metrics | metrics_sum "$@"
}

attached() {
  bpftool cgroup tree "$BED_CGROUP/pid1" | grep -qE 'ingress_run|egress_run|socket_released'
}

pay() {
  connector_hammer alice "{\"count\":${1:-50},\"concurrency\":4,\"receiver\":\"test.bob\",\"probes\":0}"
}

load_begin() {
  (until [[ -e $BED/enough ]]; do pay 200 || exit; done) 3>&- 4>&- &
  hammer=$!
}

load_end() {
  touch "$BED/enough"
  wait "$hammer"
}

unharmed() {
  connector_count alice
  [ "$(bed_json "$BED/alice.count" originated http_errors)" = 0 ]
  [ "$(bed_json "$BED/alice.count" originated expired)" = 0 ]
}
