#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The Debian package, under a real systemd: installed, enabled, upgraded under load, disabled and purged.

load ../e2e/helper
load ../targets/systemd

VERSION=0.1.0
NEXT=0.1.1
UNITS=(telltale telltale-probe)

setup_file() {
  make -C "$(dirname "$BATS_TEST_DIRNAME")/.." --no-print-directory -s deb >&2
}

# package VERSION: its file.
package() {
  echo "$ROOT/build/telltale_$1_$(dpkg --print-architecture).deb"
}

# host [NAME]: a systemd on a Debian where packages can be installed, with alice, who pays bob, as NAME.service.
host() {
  local unit name=${1:-alice}
  systemd_payer
  [[ $name == alice ]] || mv "$BED/units/alice.service" "$BED/units/$name.service"
  for unit in "${UNITS[@]}"; do
    mkdir -p "$BED/units/$unit.service.d"
    # That systemd has no targets of its own; the rest of the units is the package's.
    printf '[Unit]\nDefaultDependencies=no\n[Service]\nStandardOutput=append:%s\nStandardError=append:%s\n' \
      "$BED/$unit.log" "$BED/$unit.log" >"$BED/units/$unit.service.d/test.conf"
  done
  mkdir -p "$BED/units/telltale-rates.timer.d"
  printf '[Unit]\nDefaultDependencies=no\n' >"$BED/units/telltale-rates.timer.d/test.conf"
  export BOOT_PACKAGES=1
  systemd_start
  ctl start "$name.service"
  bed_wait 60 alice test -e "$BED/alice.ready"
  main_pid "$name" >"$BED/alice.pid"
}

# traces FILE: every path there with telltale's name in it, and its users.
traces() {
  run_there find / \( -path /proc -o -path /sys -o -path /overlay -o -path "$BED" -o -path "$ROOT" \) -prune -o \
    -name '*telltale*' -print | sort >"$1"
  run_there getent passwd telltale telltale-probe >>"$1" || true
  run_there getent group telltale >>"$1" || true
}

install() {
  run_there dpkg --install --no-triggers "$(package "$1")" >"$BED/dpkg.log" 2>&1 || {
    cat "$BED/dpkg.log"
    return 1
  }
}

# An operator's own lines, below what the package has put there.
configure() {
  echo '{"base": "USD", "rates": {"EUR": 0.813399, "GBP": 0.741}}' >"$(there /etc/telltale/rates.json)"
  {
    printf '# ours\ndefault_asset: {code: EUR, scale: 6}\nrates: {operator: /etc/telltale/rates.json}\n'
    # Exports other than the first and the last do not come in the time of this test.
    printf 'export_interval: 1h\nendpoints:\n%s\n' "$(telltale_endpoint "$(collector_url collector)" network)"
  } >>"$(there /etc/telltale/telltale.yaml)"
  # The services' variables, and not those of whoever enables them, are what counts.
  printf '# ours\nOTEL_SERVICE_NAME="of the services"\n' >"$(there /etc/telltale/environment)"
}

# truthful: exact totals of each daemon half, as `systemctl edit` would add them.
truthful() {
  local start
  start=$(sed -n '/^ExecStart=/,/[^\\]$/p' "$(there /lib/systemd/system/telltale.service)")
  printf '[Service]\nExecStart=\n%s --truth /var/lib/telltale/truth\n' "$start" \
    >"$(there /etc/systemd/system/telltale.service.d)/truth.conf"
  ctl daemon-reload
}

truth() {
  bed_json "$(there /var/lib/telltale/truth)" "$@"
}

states() {
  ctl "$1" "${UNITS[@]}" | tr '\n' ' '
}

# upgraded: both halves run anew, since those of PIDs.
upgraded() {
  [[ $(states is-active) == 'active active ' && $(main_pid telltale) != "$1" && $(main_pid telltale-probe) != "$2" ]]
}

@test "installed, it starts nothing; enabled, it counts; upgraded, it goes on; disabled, it is gone; purged, no trace" {
  "$ROOT/scripts/deb" $NEXT >&2
  collector_start collector
  host
  traces "$BED/before"
  install $VERSION
  [ "$(states is-active)" = 'inactive inactive ' ]
  [ "$(states is-enabled)" = 'disabled disabled ' ]
  run ! attached
  [ "$(run_there stat -c '%U:%G %a' /etc/telltale/telltale.yaml)" = root:telltale\ 640 ]
  [ "$(run_there id -gn telltale-probe)" = telltale ]
  run -1 run_there telltale run
  [[ $output == *'telltale enable'* ]]

  configure
  truthful
  run -2 run_there telltale enable --target unit:alice.service --network testnet </dev/null
  [ "$(states is-active)" = 'inactive inactive ' ]
  [ "$(collector_exports collector)" = 0 ]
  OTEL_SERVICE_NAME=ours run -0 run_there telltale enable --target unit:alice.service --network testnet --yes
  echo "$output"
  grep -qE '^Observed +unit alice.service$' <<<"$output"
  grep -qF "$(collector_url collector)" <<<"$output"
  grep -qF 'service.name ("of the services")' <<<"$(tr -s '[:space:]' ' ' <<<"$output")"
  [ "$(states is-active)" = 'active active ' ]
  [ "$(states is-enabled)" = 'enabled enabled ' ]
  grep -qx '# ours' "$(there /etc/telltale/telltale.yaml)"
  pay
  bed_wait 20 'the payments' at_least 1 truth transactions
  bed_wait 20 'the first export' at_least 1 collector_exports collector

  before=$(collector_exports collector)
  cp "$(there /etc/telltale/telltale.yaml)" "$BED/enabled.yaml"
  daemon=$(main_pid telltale) probe=$(main_pid telltale-probe)
  load_begin '"probes":0'
  install $NEXT
  bed_wait 120 'both halves of the new version' upgraded "$daemon" "$probe"
  bed_wait 20 'payments to be counted again' at_least 1 truth transactions
  load_end
  unharmed
  cmp "$BED/enabled.yaml" "$(there /etc/telltale/telltale.yaml)"
  # When one ends as usual it exports once more, which below it does not.
  bed_wait 20 'the exports of the restart' at_least $((before + 2)) collector_exports collector

  counted=$(truth transactions)
  pay
  bed_wait 20 'what no export has yet' at_least $((counted + 1)) truth transactions
  begun=${EPOCHREALTIME//[^0-9]/}
  run_there telltale disable
  echo "# disabled, detached and stopped after $(((${EPOCHREALTIME//[^0-9]/} - begun) / 1000)) ms" >&3
  run ! attached
  [ "$(states is-active)" = 'inactive inactive ' ]
  [ "$(states is-enabled)" = 'disabled disabled ' ]
  grep -qx 'enabled: false' "$(there /etc/telltale/telltale.yaml)"
  run -1 run_there telltale run
  grep -q 'consent was taken back: nothing more is sent' "$BED/telltale.log"
  bed_stop collector # it writes what it has
  [ "$(collector_sum collector transactions_total)" -le "$counted" ]

  # What runs when it is removed is stopped.
  ctl start telltale-rates.timer
  run_there dpkg --purge --no-triggers telltale
  [ "$(ctl is-active telltale-rates.timer)" = inactive ]
  traces "$BED/after"
  diff "$BED/before" "$BED/after"
}

# shellcheck disable=SC2016 # it is README's quotes that are wanted
# readme WORDS: the command of README's with WORDS in it, as it stands there, without its comment. Fails if there is none.
readme() {
  {
    awk '/^```sh$/ { on = 1; next } /^```$/ { on = 0 } on' "$ROOT/README.md"
    grep -o '`sudo [^`]*`' "$ROOT/README.md" | tr -d '`'
  } | sed 's/ *#.*//' | grep -F -m 1 -- "$1"
}

# at_terminal STEPS WORDS: README's command, typed at a terminal of that host's (terminal.py).
at_terminal() {
  local command
  command=$(readme "$2") || return
  "$ROOT/build/venv/bin/python" "$ROOT/tests/page/terminal.py" 120x40 "$1" \
    nsenter --target "$(systemd_pid)" --all --root sh -c "cd '$ROOT' && $command"
}

# Root's sudo, for commands that are written for others too.
sudo_in() {
  mkdir -p "$1"
  printf '#!/bin/sh\nexec "$@"\n' >"$1/sudo"
  chmod +x "$1/sudo"
}

@test "what README says to try works as it stands" {
  sudo_in "$BED/bin"
  cd "$ROOT"
  command=$(readme scripts/demo)
  run -0 env -i PATH="$BED/bin:$PATH" HOME="$BED" sh -c "$command" </dev/null 3>&-
  echo "$output"
  [[ $output == *'alice counted telltale measured'* && $output == *'What is running now: nothing.'* ]]
  command=$(readme 'make deb')
  run -0 env -i PATH="$BED/bin:$PATH" HOME="$BED" sh -c "$command" 3>&-
}

@test "what README says to install works as it stands, up to the last trace" {
  make -s -C "$ROOT" build/venv/ready >&2
  host rafiki-backend
  sudo_in "$(there /usr/local/bin)"
  # What apt wants of a host beside dpkg's own.
  run_there mkdir -p /var/cache/apt/archives/partial /var/lib/apt/lists/partial /etc/apt/{apt.conf,preferences,sources.list}.d
  run -0 at_terminal 'end;show' 'sudo apt install'
  echo "$output"
  [[ $output == *'status 0'* ]]
  [ "$(states is-active)" = 'inactive inactive ' ]
  load_begin '"probes":0'
  run at_terminal 'wait:[y/N];key:y\r;end;show' 'telltale discover'
  echo "$output"
  load_end
  [[ $output == *'status 0'* ]]
  run -0 at_terminal 'wait:[y/N];key:y\r;end' 'telltale enable'
  echo "$output"
  [[ $output == *'status 0'* ]]
  [ "$(states is-active)" = 'active active ' ]
  pay
  run -0 at_terminal 'wait:live;wait:✓ Packets;key:q;end' 'telltale top'
  run -0 at_terminal 'end' 'telltale check'
  echo "$output"
  [[ $output == *'status 0'* ]]
  run -0 at_terminal 'end' 'telltale disable'
  [ "$(states is-active)" = 'inactive inactive ' ]
  run -0 at_terminal 'wait:[Y/n];key:y\r;end;show' 'apt purge telltale'
  echo "$output"
  run ! run_there test -e /etc/telltale
}

@test "the package is small, and lintian finds nothing that is not overridden with a reason" {
  (($(stat -c %s "$(package $VERSION)") <= 1000000))
  (($(dpkg-deb --field "$(package $VERSION)" Installed-Size) <= 5000))
  command -v lintian >/dev/null || skip 'needs lintian: scripts/bootstrap'
  run -0 lintian --allow-root --fail-on warning,error "$(package $VERSION)"
  echo "$output"
  [ -z "$output" ]
}
