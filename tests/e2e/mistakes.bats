#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# shellcheck disable=SC2016 # backquotes are part of the messages, not commands
#
# Mistakes of operators. telltale answers each with one sentence that says the fix and with the right exit
# status, before anything is loaded into the kernel, and leaves nothing behind.

load helper

# wrong STATUS WORDS COMMAND...: expects that COMMAND ends with STATUS and prints WORDS (an extended regular
# expression) in at most three lines.
wrong() {
  local want=$1 words=$2
  run timeout 120 "${@:3}" </dev/null
  if [[ $status != "$want" ]] || ! grep -qE -- "$words" <<<"$output" || ((${#lines[@]} > 3)); then
    printf 'command: %s\nwanted %s and: %s\ngot %s and:\n%s\n' "${*:3}" "$want" "$words" "$status" "$output"
    return 1
  fi
}

untouched() {
  [[ ! -e $BED/state && ! -e $BED/run ]]
}

# Writes a configuration of these lines alone.
config() {
  printf '%s\n' "$@" >"$BED/c.yaml"
}

# Writes a complete configuration for a target of its own, and adds the lines to it.
whole() {
  mkdir -p "$BED_CGROUP/target"
  config 'enabled: true' "targets: [{cgroup: $BED_CGROUP/target}]" "state_dir: $BED/state" \
    "run_dir: $BED/run" "listen: 127.0.0.1:$(bed_free_port)" "$@"
}

@test "a wrong configuration is refused with line, column and the fix" {
  while IFS='|' read -r yaml words; do
    config "$yaml"
    wrong 1 "$words" "$TELLTALE" run --config "$BED/c.yaml"
    wrong 1 "$words" "$TELLTALE" check --print-config --config "$BED/c.yaml"
  done <<'TABLE'
enabeld: true|c.yaml:1:1: .*did you mean 'enabled'
enabled: yes|c.yaml:1:10: .*'yes' is not true or false
enabled: "true"|without quotes
targets: x|1:10: targets: is not a list; begin each item with
targets: [x]|targets.0 is not a mapping; write `key: value`
targets: [{pid: abc}]|'abc' is not a whole number
targets: [{unit: rafiki}]|like rafiki-backend.service
default_asset: USD|default_asset is not a mapping
default_asset: {code: USD}|no 'scale'; add it
endpoints: [{url: 'http://c:4317'}]|no 'audience'; add it
endpoints: [{url: 'c:4317', audience: own}]|no scheme; write http://c:4317
network: mainnet|write testnet or livenet
export_interval: 15|15 has no unit; write 15ms, 15s
listen: 0.0.0.0:9464|not a loopback address
rates: {operator: rates.json}|begin it with /, http:// or https://
run_dir: run|not an absolute path
a: [|c.yaml:2:1: not YAML
TABLE
}

@test "without consent, a target or an outlet run says which configuration it read and what to add" {
  config ''
  wrong 1 'set `enabled: true` .*\(configuration: .*/c.yaml\)' "$TELLTALE" run -c "$BED/c.yaml"
  config 'enabled: true'
  wrong 1 'name the connector under `targets:`' "$TELLTALE" run -c "$BED/c.yaml"
  whole
  sed -i 's/^listen.*/listen: none/' "$BED/c.yaml"
  wrong 1 'name a collector under `endpoints:`' "$TELLTALE" run -c "$BED/c.yaml"
  wrong 1 'there is no such file; write one' "$TELLTALE" run -c "$BED/none.yaml"
  wrong 2 'needs a file' "$TELLTALE" run -c ''
  untouched
}

@test "an environment that contradicts the configuration is refused" {
  whole 'network: testnet'
  wrong 1 'remove the variable' env ENABLE_TELEMETRY=false "$TELLTALE" run -c "$BED/c.yaml"
  wrong 1 'not true or false' env ENABLE_TELEMETRY=yes "$TELLTALE" run -c "$BED/c.yaml"
  wrong 1 'LIVENET: true contradicts .network: testnet' env LIVENET=true "$TELLTALE" run -c "$BED/c.yaml"
  wrong 1 'OTEL_SDK_DISABLED=true .* remove the variable' env OTEL_SDK_DISABLED=true "$TELLTALE" run -c "$BED/c.yaml"
  wrong 1 'milliseconds' env OPEN_TELEMETRY_EXPORT_INTERVAL=1h "$TELLTALE" run -c "$BED/c.yaml"
}

@test "livenet needs a separate consent and separate collectors, testnet does not" {
  # shellcheck disable=SC2016 # the backquotes are the message's
  whole 'network: livenet' 'endpoints: [{url: "http://c:1", audience: network}]'
  wrong 1 "belongs to testnet by default, and this node is on livenet" "$TELLTALE" run -c "$BED/c.yaml"
  config 'enabled: true' 'network: livenet' 'targets: [{pid: 1}]'
  wrong 1 'set `livenet_enabled: true`' "$TELLTALE" run -c "$BED/c.yaml"
  config 'enabled: true' 'livenet_enabled: true' 'targets: [{pid: 1}]'
  wrong 1 'c.yaml:2:1: .*this node is on testnet' "$TELLTALE" run -c "$BED/c.yaml"
  untouched
}

@test "check names a target that is not there, with where to find the right one" {
  while IFS='|' read -r target words; do
    config 'enabled: true' "targets: [{$target}]" "state_dir: $BED/state" "run_dir: $BED/run" 'listen: 127.0.0.1:1'
    run "$TELLTALE" check -c "$BED/c.yaml"
    grep -qE "$words" <<<"$output"
    untouched
  done <<'TABLE'
cgroup: /no/such|^warn +target .*waiting: there is no cgroup v2 .*/no/such; /proc/PID/cgroup
pid: 4194304|^FAIL +target .*gone: there is no process 4194304
unit: no-such-thing.service|^warn +target .*waiting: .*is it running\? `systemctl status no-such-thing.service`
cgroup: /a/../b|^FAIL +target .*'..' in the path of a cgroup is not followed
TABLE
  wrong 1 "'..' in the path" "$TELLTALE" run -c "$BED/c.yaml"
}

@test "without the capabilities run names those that are missing, and touches nothing" {
  whole
  wrong 1 'CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON missing; run as root' \
    setpriv --bounding-set=-all --inh-caps=-all "$TELLTALE" run -c "$BED/c.yaml"
  wrong 1 'CAP_PERFMON missing' \
    setpriv --bounding-set=-all,+bpf,+net_admin --inh-caps=-all "$TELLTALE" run -c "$BED/c.yaml"
  untouched
}

@test "a state directory that cannot be used is refused with the right fix" {
  whole
  sed -i "s,^state_dir.*,state_dir: $BED/no/such/dir," "$BED/c.yaml"
  wrong 1 'make the directory above it' "$TELLTALE" run -c "$BED/c.yaml"
  mkdir "$BED/full"
  mount -t tmpfs -o size=4k,mode=700 none "$BED/full" || skip 'needs to mount a tmpfs'
  head -c 4096 /dev/zero >"$BED/full/filler"
  sed -i "s,^state_dir.*,state_dir: $BED/full," "$BED/c.yaml"
  run timeout 120 "$TELLTALE" run -c "$BED/c.yaml"
  left=$(ls -A "$BED/full")
  umount "$BED/full"
  echo "$output"
  [ "$status" = 1 ]
  grep -q 'free some space there' <<<"$output"
  [ "$left" = filler ]
}

@test "a port that is taken, or a run_dir in use, is reported before the programs are loaded" {
  whole
  bed_spawn taken python3 "$ROOT/tests/e2e/listener.py" "$BED/taken" 0
  bed_wait 10 'the port to be taken' test -e "$BED/taken.ready"
  port=$(cat "$BED/taken.port")
  sed -i "s/^listen.*/listen: 127.0.0.1:$port/" "$BED/c.yaml"
  wrong 1 "cannot listen on 127.0.0.1:$port: Address already in use; set .listen. to another" \
    "$TELLTALE" run -c "$BED/c.yaml"
  run ! grep 'loading the programs' <<<"$output"
  [ ! -e "$BED/run/control.sock" ]
  touch "$BED/file"
  sed -i "s,^run_dir.*,run_dir: $BED/file," "$BED/c.yaml"
  wrong 1 'cannot make the socket .*; set run_dir' "$TELLTALE" run -c "$BED/c.yaml"
  run ! grep 'loading the programs' <<<"$output"
}

@test "privacy apply reports garbage by line and processes the rest" {
  run --separate-stderr "$TELLTALE" privacy apply --no-noise < <(printf '8300\nx\n\n-1\n1.5\n147700')
  [ "$status" = 1 ]
  [ "$output" = $'8300\t10000\t10000\n147700\t160000\t160000' ]
  # shellcheck disable=SC2154 # bats sets it
  [ "${#stderr_lines[@]}" = 4 ]
  # shellcheck disable=SC2154 # bats sets it
  grep -q 'line 3: an empty line' <<<"$stderr"
  wrong 2 "--min-bucket: 'x'" "$TELLTALE" privacy apply --min-bucket x
  wrong 2 'read from standard input' "$TELLTALE" privacy apply 100
  wrong 1 'no such file' "$TELLTALE" privacy apply --config "$BED/none.yaml"
}

@test "rates that cannot be used are named with the reason" {
  while IFS='|' read -r text words; do
    printf '%s' "$text" >"$BED/r.json"
    wrong 1 "$BED/r.json: $words" "$TELLTALE" rates show --operator "$BED/r.json"
  done <<'TABLE'
{"base": "USD", "rates": {|not JSON: it ends in the middle
{"base": "USD"}|no "rates"
{"base": "USD", "rates": {"EUR": "x"}}|it has no rate that can be used: the rate of EUR is not a positive decimal number
TABLE
  wrong 1 'cannot read the file' "$TELLTALE" rates show --operator "$BED/none.json"
}

@test "a file that is not a list of peers is refused" {
  whole
  wrong 1 'not JSON .* ends too early; give the whole answer' "$TELLTALE" peers import -c "$BED/c.yaml"
  wrong 1 'cannot be read' "$TELLTALE" peers import -c "$BED/c.yaml" "$BED/none.json"
  wrong 1 'no daemon is running' "$TELLTALE" peers -c "$BED/c.yaml"
}

@test "wrong usage ends with 2 and says where help is; a full disk with 1" {
  wrong 2 '.telltale help. lists them' "$TELLTALE" nope
  wrong 2 '.telltale run --help' "$TELLTALE" run --nope
  wrong 2 "there are 'show' and 'publish'" "$TELLTALE" rates nope
  wrong 2 "say what to do: apply, audit or suggest" "$TELLTALE" privacy
  # shellcheck disable=SC2016 # expanded by the shell inside
  for command in help version 'check --print-config'; do
    wrong 1 'cannot write' sh -c '"$0" '"$command"' >/dev/full' "$TELLTALE"
  done
}

@test "no line of help is wider than 80 columns" {
  for command in '' run check top peers 'rates show' 'rates publish' 'privacy apply' 'privacy audit' 'privacy suggest'; do
    # shellcheck disable=SC2086 # words
    run "$TELLTALE" $command --help
    [ "$status" = 0 ]
    run ! grep -E '.{81}' <<<"$output"
  done
}
