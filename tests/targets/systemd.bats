#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Units of a real systemd, started, stopped, restarted and crashed while telltale runs.

load ../e2e/helper
load storm
load systemd

# watch UNIT: telltale on that unit, in that systemd's cgroup namespace.
watch() {
  telltale_config tt /
  sed -i "s,- cgroup: /\$,- unit: $1," "$BED/tt.yaml"
  telltale_there tt
}

# anew MANNER: the unit's processes end, and others come.
anew() {
  case $1 in
  restart) ctl restart sender.service ;;
  crash) kill -KILL "$(unit_pid sender.service)" ;;
  stop)
    ctl stop sender.service
    [[ ! -e $BED_CGROUP/pid1/system.slice/sender.service ]]
    ctl start sender.service
    ;;
  esac
}

unit_pid() {
  head -n 1 "$BED_CGROUP/pid1/system.slice/$1/cgroup.procs"
}

# storm: restarts of the unit in three manners in turn, under load throughout.
storm() {
  local i manners=(restart crash stop)
  storm_sender
  systemd_service sender.service "${SENDER[*]}" Restart=always RestartSec=0
  sed -i 's/^\[Service\]/StartLimitIntervalSec=0\n&/' "$BED/units/sender.service"
  systemd_start
  watch sender.service
  grep -q 'sender.service: waiting: there is no cgroup of this unit' "$BED/tt.log"
  ctl start sender.service
  storm_goes_on
  for ((i = 0; i < STORM; i++)); do
    anew "${manners[i % 3]}"
    storm_goes_on
  done
  ctl stop sender.service
  bed_wait 20 'the last exchange to be seen' at_least "$(storm_answered)" telltale_metric tt \
    telltale_exchanges_total 'outcome="fulfilled"'
  bed_wait 20 'its end to be noticed' grep -q 'sender.service: gone: its cgroup was removed' "$BED/tt.log"
  telltale_stop tt
  storm_holds "$STORM"
}

@test "plain: a unit that is restarted, crashed, stopped and started under load loses nothing of what its processes send" {
  storm_bob
  storm
}

@test "TLS: a unit that is restarted, crashed, stopped and started under load loses nothing of what its processes send" {
  storm_bob tls
  storm
}

@test "a unit takes the sockets that start it: a connection is read from its first byte" {
  local host=127.0.0.1 port
  port=$(bed_free_port)
  python3 -c 'import json, sys
print(json.dumps({"name": "bob", "address": "test.bob", "receiver": True, "asset": {"code": "EUR", "scale": 6},
  "listen": {"fd": 3}, "incoming": [{"token": "secret-of-alice", "asset": {"code": "EUR", "scale": 6}}],
  "ready": sys.argv[1] + "/bob.ready", "truth": sys.argv[1] + "/bob.end"}))' \
    "$BED" >"$BED/bob.json"
  systemd_service bob.service "$(command -v node) $ROOT/tests/e2e/connector/main.js $BED/bob.json"
  systemd_unit front.socket '[Socket]' "ListenStream=$host:$port" Service=bob.service
  systemd_start
  watch bob.service
  ctl start front.socket
  bed_wait 5 'the socket to be attached' test_metric 1 tt telltale_target_cgroups
  sender alice "http://$host:$port"
  # The first of them starts the service.
  connector_pay alice "{\"payments\":3,\"concurrency\":1,$(to "http://$host:$port")}"
  bed_wait 5 'the service to be attached' test_metric 2 tt telltale_target_cgroups
  bed_wait 20 'every payment to be seen' test_metric 3 tt telltale_transactions_total 'origin="received"'
  ctl restart bob.service
  connector_pay alice "{\"payments\":3,\"concurrency\":1,$(to "http://$host:$port")}"
  bed_wait 20 'every payment to be seen' test_metric 6 tt telltale_transactions_total 'origin="received"'
  [ "$(telltale_metric tt telltale_coverage_complete)" = 1 ]
  telltale_stop tt
}
