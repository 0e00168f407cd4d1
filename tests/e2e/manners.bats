#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# What a host expects of a service: who may look, how it starts, reloads and stops.

load helper

# Others may not enter the bed, but this.
setup_file() {
  OPEN=$(mktemp -d)
  export OPEN
  chmod 755 "$OPEN"
}

teardown_file() {
  rm -rf "$OPEN"
}

# as USER GROUP COMMAND...: runs it with this user and this group only, and no capability.
as() {
  setpriv --reuid "$1" --regid "$2" --clear-groups --bounding-set=-all --inh-caps=-all "${@:3}"
}

@test "as packaged, the page and the socket of the commands are for root and a group, and for nobody else" {
  example=$ROOT/scripts/deploy/telltale.yaml
  grep -qx 'listen: unix:/run/telltale/page.sock' "$example"
  grep -qx 'listen_group: telltale' "$example"
  grep -qx 'Group=telltale' "$ROOT/scripts/deploy/telltale.service"
  grep -qx 'g telltale -' "$ROOT/scripts/deploy/telltale.sysusers"
  mkdir "$BED_CGROUP/alice"
  telltale_config tt "$BED_CGROUP/alice" 'listen_group: mail'
  sed -i "s,^listen: .*,listen: unix:$OPEN/page.sock,; s,^run_dir: .*,run_dir: $OPEN," "$BED/tt.yaml"
  telltale_start tt
  for socket in page control; do
    [ "$(stat -c '%a %U %G' "$OPEN/$socket.sock")" = '660 root mail' ]
  done
  run ! as nobody nogroup curl -s --unix-socket "$OPEN/page.sock" http://localhost/metrics
  run ! as nobody nogroup curl -s --unix-socket "$OPEN/control.sock" http://localhost/peers
  as nobody mail curl -sf --unix-socket "$OPEN/page.sock" http://localhost/metrics >"$BED/metrics"
  grep -q '^telltale_coverage_complete' "$BED/metrics"
  as nobody mail curl -sf --unix-socket "$OPEN/control.sock" http://localhost/peers
  bed_stop tt
}
