#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The two packaged units, as `make install` puts them there, under a real systemd, beside a connector that pays.
#
# shellcheck disable=SC2154 # url and tls are set by packaged, in systemd.bash

load ../e2e/helper
load systemd

# Restarts of each unit under load; `make storm` has more.
RESTARTS=${STORM:-3}
UNITS=(telltale telltale-probe)
ASSET='default_asset: {code: EUR, scale: 6}'
DROPPED='[Unit]\nDefaultDependencies=no\n[Service]\n'

# installed: what `make install` puts below /usr/local, and what an operator may add to units with `systemctl edit`:
# exact totals, which are kept for each daemon half, and logs where a test finds them.
installed() {
  local unit start
  make -C "$ROOT" --no-print-directory -s install DESTDIR="$BED/installed" >&2
  export BOOT_LOCAL=$BED/installed/usr/local
  start=$(sed -n '/^ExecStart=/,/[^\\]$/p' "$BOOT_LOCAL/lib/systemd/system/telltale.service")
  for unit in "${UNITS[@]}"; do
    mkdir -p "$BED/units/$unit.service.d"
    # shellcheck disable=SC2059 # it has the lines' ends in it
    printf "${DROPPED}StandardOutput=append:$BED/$unit.log\nStandardError=append:$BED/$unit.log\n" \
      >"$BED/units/$unit.service.d/test.conf"
  done
  printf 'ExecStart=\n%s --truth /var/lib/telltale/truth\n%s\n' "$start" \
    "ExecStopPost=/bin/sh -c 'mv /var/lib/telltale/truth /var/lib/telltale/truth.\$\$\$\$'" \
    >>"$BED/units/telltale.service.d/test.conf"
}

# configure LINE...: telltale's configuration there, with the mode that OPERATOR.md says.
configure() {
  local file
  file=$(there /etc/telltale/telltale.yaml)
  mkdir -p "${file%/*}"
  echo '{"base": "USD", "rates": {"EUR": 0.813399, "GBP": 0.741}}' >"${file%/*}/rates.json"
  {
    printf 'enabled: true\ninstance: packaged\nnetwork: testnet\ntargets:\n  - unit: alice.service\n'
    printf 'rates: {operator: /etc/telltale/rates.json}\nexport_interval: 1s\n'
    printf 'listen: unix:/run/telltale/page.sock\nlisten_group: telltale\n'
    printf '%s\n' "$@"
  } >"$file"
  run_there chgrp telltale /etc/telltale/telltale.yaml
  chmod 640 "$file"
}

# packaged: that systemd with the units installed, their users made, and alice.service, who pays
# bob and dora.
packaged() {
  systemd_payer
  installed
  systemd_start
  run_there systemd-sysusers
  configure "$ASSET"
  ctl start alice.service
  bed_wait 60 alice test -e "$BED/alice.ready"
  main_pid alice >"$BED/alice.pid"
}

is() {
  [[ $("${@:2}") == "$1" ]]
}

# begun: both units, which are enabled together.
begun() {
  ctl start telltale telltale-probe || {
    ctl status --no-pager telltale telltale-probe
    return 1
  }
}

# status UNIT FIELD: of its main process.
status() {
  awk -v field="$2:" '$1 == field { $1 = ""; print substr($0, 2) }' "/proc/$(main_pid "$1")/status"
}

caps() {
  echo $((16#$(status "$@")))
}

# add_up: the totals of all daemon halves so far, which have ended, in $BED/packaged.truth.
add_up() {
  python3 - "$BED/packaged.truth" "$(there /var/lib/telltale)"/truth.* <<'PYTHON'
import json, sys
total = {"lost": 0}
for path in sys.argv[2:]:
    now = json.load(open(path))
    lost = {k: n for k, n in now["lost"].items() if n}
    print(f"# {now['prepares']} prepares, lost {lost}")
    for key, n in now.items():
        if isinstance(n, int):
            total[key] = total.get(key, 0) + n
    total["lost"] += sum(lost.values())
json.dump(total, open(sys.argv[1], "w"))
PYTHON
}

# nothing_lost: both have ended, alice has sent whole exchanges only, and they have counted each of them.
nothing_lost() {
  add_up
  exactly packaged alice
  [ "$(bed_json "$BED/packaged.truth" lost)" = 0 ]
  unharmed
}

@test "both units start, are active when telltale counts, and have what is documented and nothing else" {
  packaged
  begun
  # Type=notify: no waiting after `systemctl start`.
  [ "$(ctl is-active telltale telltale-probe)" = $'active\nactive' ]
  grep -q 'run: ready' "$BED/telltale.log"
  telltale=$(run_there id -u telltale) probe=$(run_there id -u telltale-probe)
  group=$(run_there getent group telltale | cut -d : -f 3)
  [ "$(status telltale Uid)" = "$telltale $telltale $telltale $telltale" ]
  [ "$(status telltale-probe Uid)" = "$probe $probe $probe $probe" ]
  for set in CapInh CapPrm CapEff CapBnd CapAmb; do [ "$(caps telltale "$set")" = 0 ]; done
  # bpf 39, perfmon 38, checkpoint_restore 40, sys_ptrace 19, dac_read_search 2
  [ "$(caps telltale-probe CapPrm)" = $((1 << 39 | 1 << 38 | 1 << 40 | 1 << 19 | 1 << 2)) ]
  for unit in "${UNITS[@]}"; do
    [ "$(status "$unit" NoNewPrivs)" = 1 ]
    [ "$(status "$unit" Seccomp)" = 2 ]
  done
  [ "$(stat -c '%u %g %a' "$(there /run/telltale/page.sock)")" = "$telltale $group 660" ]
  [ "$(stat -c '%u %g %a' "$(there /run/telltale-probe/probe.sock)")" = "$probe $group 660" ]
  [ "$(stat -c '%u %a' "$(there /var/lib/telltale/host.key)")" = "$telltale 600" ]
  attached
  pay
  # alice was there first: that is no loss.
  is 1 metric telltale_coverage_complete
  ctl stop "${UNITS[@]}"
  [ "$(ctl show --property=Result --value "${UNITS[@]}")" = $'success\n\nsuccess' ]
  bed_wait 20 'the programs to be detached' not attached
  add_up
  exactly packaged alice
}

@test "systemctl reload takes a peer and an endpoint that are new, and keeps what it has if anything is wrong" {
  collector_start collector
  packaged
  configure 'default_asset: {code: XYZ, scale: 6}'
  begun
  pay
  unconverted=$(connector_truth alice originated fulfills)
  bed_wait 20 'amounts without a rate' is "$unconverted" metric telltale_unconverted_total
  configure 'peers:' "  - {name: bob, endpoint: \"$url/\", asset: {code: EUR, scale: 6}}" \
    "  - {name: dora, endpoint: \"$tls/\", asset: {code: EUR, scale: 6}}" \
    'endpoints:' "$(telltale_endpoint "$(collector_url collector)" own)"
  ctl reload telltale
  bed_wait 20 'the configuration to be taken' grep -q 'the new configuration is in use' "$BED/telltale.log"
  pay
  bed_wait 20 'an export with them' at_least $((2 * unconverted)) collector_sum collector telltale_exchanges_total outcome=fulfilled
  is "$unconverted" metric telltale_unconverted_total
  configure 'peers: none'
  ctl reload telltale
  bed_wait 20 'the configuration to be refused' grep -q 'of before stays in use' "$BED/telltale.log"
  [ "$(ctl is-active telltale)" = active ]
  ctl stop "${UNITS[@]}"
}

@test "systemctl restart telltale under load, again and again: not one exchange is lost, and none is in doubt" {
  packaged
  begun
  load_begin '"probes":0'
  for ((i = 0; i < RESTARTS; i++)); do
    bed_wait 20 'telltale to be at work' at_least 200 metric packet_count_prepare
    ctl restart telltale
    is 1 metric telltale_coverage_complete
    ctl reset-failed telltale # so many at once are refused
  done
  load_end
  ctl stop "${UNITS[@]}"
  nothing_lost
}

# back UNIT PID: whether systemd has started it anew; for bed_wait.
back() {
  [[ $(main_pid "$1") != "$2" ]] && metric telltale_coverage_complete && ctl is-active "${UNITS[@]}"
}

# goes_on N: so often the probe half has taken over what the one before had left attached.
goes_on() {
  [[ $(grep -c 'of the probe half before this one go on' "$BED/telltale-probe.log") == "$1" ]] && back_again "$1"
}

# The daemon half has noticed so many of them.
back_again() {
  [[ $(grep -c 'another probe half goes on' "$BED/telltale.log") == "$1" ]]
}

@test "telltale-probe is restarted or told to end under load, again and again: not one exchange is lost, plain or TLS" {
  packaged
  begun
  load_begin '"probes":0'
  pid=$(main_pid telltale)
  before=0
  for ((i = 1; i <= RESTARTS; i++)); do
    bed_wait 20 'telltale to be at work' at_least $((before + 200)) metric packet_count_prepare
    # Whoever tells it to end: systemd begins it anew, unless it was systemd.
    if ((i % 2)); then ctl restart telltale-probe; else kill "$(main_pid telltale-probe)"; fi
    bed_wait 120 'the next probe half' goes_on "$i"
    attached
    before=$(metric packet_count_prepare)
    ctl reset-failed telltale-probe # so many at once are refused
  done
  # What came meanwhile is nothing that would have to be said.
  is 0 metric telltale_probe_restarted_total
  is 1 metric telltale_coverage_complete
  [ "$(main_pid telltale)" = "$pid" ]
  load_end
  ctl stop "${UNITS[@]}"
  bed_wait 20 'the programs to be detached' not attached
  nothing_lost
}

@test "both are restarted at once under load, as by an upgrade of the same build: not one exchange is lost" {
  packaged
  begun
  load_begin '"probes":0'
  for ((i = 1; i <= RESTARTS; i++)); do
    bed_wait 20 'telltale to be at work' at_least 200 metric packet_count_prepare
    ctl restart "${UNITS[@]}"
    is 1 metric telltale_coverage_complete
    ctl reset-failed "${UNITS[@]}"
  done
  load_end
  ctl stop "${UNITS[@]}"
  nothing_lost
}

@test "either half is killed or frozen under load: no payment fails, systemd starts it again, and what is lost is said" {
  mkdir -p "$BED/units/telltale.service.d"
  printf '[Service]\nWatchdogSec=20s\nTimeoutAbortSec=1s\n' >"$BED/units/telltale.service.d/watchdog.conf"
  packaged
  begun
  load_begin '"probes":0'
  bed_wait 20 'telltale to be at work' at_least 200 metric packet_count_prepare
  # The probe half first: everything stays attached for the next one.
  pid=$(main_pid telltale)
  kill -KILL "$(main_pid telltale-probe)"
  bed_wait 120 'the next probe half' goes_on 1
  attached
  [ "$(main_pid telltale)" = "$pid" ]
  is 0 metric telltale_probe_restarted_total
  is 1 metric telltale_coverage_complete
  kill -KILL "$pid"
  bed_wait 20 'the daemon half' back telltale "$pid"
  grep -q 'the daemon half has ended without a word' "$BED/telltale-probe.log"
  grep -q 'the daemon half before this one was killed' "$BED/telltale.log"
  is 1 metric telltale_daemon_killed_total
  is 0 metric telltale_coverage_complete
  pid=$(main_pid telltale)
  kill -STOP "$pid"
  bed_wait 60 'the daemon half, by its watchdog' back telltale "$pid"
  load_end
  unharmed
  # What comes later is attached to with the programs of before.
  rm "$BED/alice.ready"
  ctl restart alice
  bed_wait 60 alice test -e "$BED/alice.ready"
  main_pid alice >"$BED/alice.pid"
  bed_wait 20 "alice's TLS library to be read" alice_is_read
  before=$(metric telltale_exchanges_total 'outcome="fulfilled"')
  pay
  bed_wait 20 'both kinds of exchanges' at_least "$((before + $(connector_truth alice originated fulfills)))" \
    metric telltale_exchanges_total 'outcome="fulfilled"'
  # Stopped for good, nothing is left attached, however it was stopped.
  ctl stop telltale
  ctl kill --signal=KILL telltale-probe
  ctl stop telltale-probe
  bed_wait 20 'the programs to be detached' not attached
}

# alice_is_read: whether the probe half reads the TLS library of the alice that runs now, by her number there.
alice_is_read() {
  local numbers
  numbers=$(status alice NSpid)
  says telltale-probe "reading the TLS library of process ${numbers##*[[:space:]]} "
}

# missed: what telltale says while the probe half was away, whoever paid meanwhile.
missed() {
  is 1 metric telltale_probe_restarted_total
  is 0 metric telltale_coverage_complete
}

# retarget i|a NAME: the configuration names alice, and this unit before or after it.
retarget() {
  configure "$ASSET"
  sed -i "/unit: alice/$1\\  - unit: $2" "$(there /etc/telltale/telltale.yaml)"
}

@test "systemctl reload takes a target more and gives it back under load: not one exchange is lost" {
  packaged
  begun
  load_begin '"probes":0'
  bed_wait 20 'telltale to be at work' at_least 200 metric packet_count_prepare
  pid=$(main_pid telltale)
  retarget a carol.service
  ctl reload telltale
  bed_wait 120 'the daemon half' back telltale "$pid"
  bed_wait 20 'the target to be awaited' is 1 metric telltale_targets_missing
  bed_wait 20 'telltale to be at work' at_least 200 metric packet_count_prepare
  pid=$(main_pid telltale)
  configure "$ASSET"
  ctl reload telltale
  bed_wait 120 'the daemon half' back telltale "$pid"
  load_end
  is 0 metric telltale_probe_restarted_total
  is 1 metric telltale_coverage_complete
  # An error is said, and changes nothing.
  pid=$(main_pid telltale-probe)
  configure 'targest: none'
  ctl reload telltale
  bed_wait 20 'the configuration to be refused' grep -q 'of before stays' "$BED/telltale-probe.log"
  [ "$(main_pid telltale-probe)" = "$pid" ]
  # Consent that is taken back ends both, and nothing stays attached.
  configure "$ASSET"
  sed -i 's/enabled: true/enabled: false/' "$(there /etc/telltale/telltale.yaml)"
  # The probe half is first, and may have ended both before the other is to be reloaded.
  ctl reload telltale || true
  bed_wait 20 'the programs to be detached' not attached
  bed_wait 20 'the probe half to end' not ctl is-active telltale-probe
  bed_wait 20 'the daemon half to end' not ctl is-active telltale
  ctl stop "${UNITS[@]}"
  nothing_lost
}

# hangs_up PID [TIMES]: sends SIGHUP to it, so often, or until it is gone.
hangs_up() {
  for ((n = 0; n < ${2:-24000}; n++)); do
    kill -HUP "$1" 2>/dev/null || break
    sleep 0.005
  done
}

# next UNIT PID: whether another telltale is that unit's, and not what systemd runs between two of them; leaves its number
# in next.
next() {
  next=$(main_pid "$1" 2>/dev/null) && [[ $next != "$2" && $(cat "/proc/$next/comm" 2>/dev/null) == *telltale* ]]
}

# minds UNIT PID: whether its next process keeps SIGHUP, or takes it.
minds() {
  next "$@" && ((0x$(status "$1" SigBlk) & 1 || 0x$(status "$1" SigCgt) & 1))
}

# begins UNIT PID: a SIGHUP to its next process as early as can be, from which systemd begins anew, and more as soon as
# that minds them.
begins() {
  local end=$((SECONDS + 120))
  until next "$@"; do ((SECONDS < end)); done
  hangs_up "$next" 1
  bed_wait 20 "the next $1" minds "$@"
  hangs_up "$next" 50
}

@test "SIGHUP while either half ends or begins, as systemd sends two for one reload, changes nothing: not one exchange is lost" {
  packaged
  begun
  load_begin '"probes":0'
  for ((i = 1; i <= (RESTARTS + 1) / 2; i++)); do
    bed_wait 20 'telltale to be at work' at_least 200 metric packet_count_prepare
    pid=$(main_pid telltale) probe=$(main_pid telltale-probe)
    if ((i % 2)); then retarget a carol.service; else configure "$ASSET"; fi
    ctl reload telltale
    hangs_up "$pid" &
    ending=$!
    hangs_up "$probe"
    begins telltale-probe "$probe"
    wait "$ending"
    begins telltale "$pid"
    bed_wait 60 'both halves' back telltale "$pid"
    is 0 metric telltale_probe_restarted_total
    is 0 metric telltale_daemon_killed_total
    ctl reset-failed "${UNITS[@]}" # so many at once are refused
  done
  load_end
  ctl stop "${UNITS[@]}"
  nothing_lost
}

@test "targets in another order are loaded anew beside those of before, and that something may be missing is said" {
  packaged
  begun
  load_begin '"probes":0'
  bed_wait 20 'telltale to be at work' at_least 200 metric packet_count_prepare
  pid=$(main_pid telltale)
  retarget i carol.service
  ctl restart telltale-probe
  bed_wait 120 'the daemon half' back telltale "$pid"
  missed
  load_end
  unharmed
  # Nothing is missing while nobody could send.
  ctl stop alice
  pid=$(main_pid telltale)
  configure "$ASSET"
  ctl restart telltale-probe
  bed_wait 120 'the daemon half' back telltale "$pid"
  is 0 metric telltale_probe_restarted_total
  ctl stop "${UNITS[@]}"
}

# says UNIT TEXT
says() {
  grep -qF "$2" "$BED/$1.log"
}

@test "an upgrade to a build with other programs, tables and messages: no payment fails, and what is lost is said" {
  make -s -C "$ROOT" build/tests/telltale-other >&2
  packaged
  begun
  load_begin '"probes":0'
  bed_wait 60 'telltale to be at work' at_least 200 metric packet_count_prepare
  pid=$(main_pid telltale)
  # As a package does it: who runs goes on with the old one.
  cp "$ROOT/build/tests/telltale-other" "$BOOT_LOCAL/bin/telltale.new"
  mv "$BOOT_LOCAL/bin/telltale.new" "$BOOT_LOCAL/bin/telltale"
  # Two builds do not talk to each other, whichever half is the older one: it is said, and nothing else happens.
  ctl restart --no-block telltale
  bed_wait 60 'the old probe half to say so' says telltale-probe 'the daemon half is of another version: start both anew'
  attached
  ctl restart telltale-probe
  bed_wait 150 'the daemon half' back telltale "$pid"
  missed
  bed_wait 60 'the new build to be at work' at_least 200 metric packet_count_prepare
  load_end
  unharmed
  # Nothing of the old build goes on, and the new one counts.
  run ! says telltale-probe 'of the probe half before this one go on'
  before=$(metric telltale_exchanges_total 'outcome="fulfilled"') paid=$(connector_truth alice originated fulfills)
  pay
  paid=$(($(connector_truth alice originated fulfills) - paid))
  bed_wait 60 'the payments' at_least $((before + paid)) metric telltale_exchanges_total 'outcome="fulfilled"'
  ctl stop "${UNITS[@]}"
  bed_wait 60 'the programs to be detached' not attached
}
