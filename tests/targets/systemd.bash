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
