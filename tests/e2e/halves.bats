#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# telltale's two halves as services of their own: each can come, go and be killed, and neither has what it does
# not need.

load helper
load ../tls/talker

# half NAME probe|daemon [SOCKET]: starts it with tt's configuration, and with a service manager at SOCKET.
half() {
  local options=(--config "$BED/tt.yaml")
  [[ $2 == probe ]] || options+=(--truth "$BED/tt.truth")
  bed_spawn "$1" env -i PATH="$PATH" ${3:+NOTIFY_SOCKET="$3"} "$TELLTALE" "$2" "${options[@]}"
}

# daemon NAME
daemon() {
  half "$1" daemon
  bed_wait 120 "the daemon half $1" telltale_ready "$1"
}

# halves [LINE]: both halves beside alice, who pays bob, and dora over TLS. LINE is added to the target.
halves() {
  receiver bob
  receiver_tls dora
  sender alice "http://127.0.0.1:$(connector_port bob)" "https://localhost:$(connector_port dora)"
  telltale_config tt "$(connector_cgroup alice)${1:+$'\n'    $1}" ${endpoint:+'endpoints:' "$endpoint"}
  half probe probe # it waits for the host key, which the other one makes
  daemon tt
}

attached() {
  bpftool cgroup tree "$BED_CGROUP" | grep -cE 'ingress_run|egress_run|socket_released'
}

# open_files NAME: prints how many descriptors it has.
open_files() {
  find "/proc/$(bed_pid "$1")/fd" -type l | wc -l
}

no_more_files() {
  (($(open_files probe) <= $1))
}

# caps NAME SET
caps() {
  awk -v set="$2:" '$1 == set { print $2 }' "/proc/$(bed_pid "$1")/status"
}

@test "each half has what it needs and nothing else" {
  halves
  # bpf 39, perfmon 38, checkpoint_restore 40, sys_ptrace 19, dac_read_search 2; sys_admin 21 before Linux 6.10
  had=$((16#$(caps probe CapPrm)))
  [ $((had & ~((1 << 39) | (1 << 38) | (1 << 40) | (1 << 19) | (1 << 2) | (1 << 21)))) = 0 ]
  for set in CapInh CapPrm CapEff CapBnd CapAmb; do [ $((16#$(caps tt "$set"))) = 0 ]; done
  for name in probe tt; do
    grep -qE '^NoNewPrivs:\s+1$' "/proc/$(bed_pid "$name")/status"
    grep -qE '^Seccomp:\s+2$' "/proc/$(bed_pid "$name")/status"
    grep -qE '^Max core file size +0 +0 ' "/proc/$(bed_pid "$name")/limits"
  done
  # No network socket in the probe half, and no BPF but the ring and the counters in the daemon half.
  inodes=$(for fd in "/proc/$(bed_pid probe)"/fd/*; do readlink "$fd"; done | sed -n 's/^socket:\[\(.*\)\]$/\1/p')
  [ -n "$inodes" ] # the one between the halves
  for inode in $inodes; do run ! grep -qsw "$inode" /proc/net/{tcp,udp,udplite,raw,icmp}{,6} /proc/net/packet; done
  [ "$(grep -l '^map_id' "/proc/$(bed_pid tt)"/fdinfo/* | wc -l)" -le 2 ]
  run ! grep -l '^prog_id\|^link_id' "/proc/$(bed_pid tt)"/fdinfo/*
  connector_hammer alice '{"count":50,"concurrency":4,"receiver":"test.bob"}'
  bed_stop tt
  exactly tt alice
  bed_stop probe
}

@test "a daemon half that was taken over cannot make the probe half attach elsewhere, read a file or stop" {
  # Else a daemon half that was killed would leave a minute in doubt.
  halves 'forwards: never'
  telltale_follows_http2 probe # what is loaded later has files too
  bed_stop tt
  before=$(attached)
  files=$(open_files probe)
  "$ROOT/tests/e2e/hostile_half.py" "$BED/tt.runtime/probe.sock"
  bed_alive probe
  [ "$(attached)" = "$before" ]
  # It may not have noticed yet that the last one has gone; what it had kept of the others it would keep for good.
  bed_wait 20 'the files of all these to be closed' no_more_files $((files + 1))
  # And the next one counts as if nothing had been.
  connector_count alice
  cp "$BED/alice.count" "$BED/before.count"
  daemon tt
  connector_hammer alice '{"count":50,"concurrency":4,"receiver":"test.bob"}'
  bed_stop tt
  exactly tt alice "$BED/before.count"
  bed_stop probe
}

# Adds a truth file's figures to those in total.json, and says how many exchanges it lost.
add_up() {
  python3 - "$BED/tt.truth" "$BED/total.json" <<'PYTHON'
import json, os, sys
now = json.load(open(sys.argv[1]))
total = json.load(open(sys.argv[2])) if os.path.exists(sys.argv[2]) else {}
lost = {k: n for k, n in now["lost"].items() if n}
print(f"# {now['prepares']} prepares, lost {lost}")
for key, n in now.items():
    if isinstance(n, int):
        total[key] = total.get(key, 0) + n
total["lost"] = total.get("lost", 0) + sum(lost.values())
json.dump(total, open(sys.argv[2], "w"))
PYTHON
}

@test "the daemon half is restarted under load, again and again: not one exchange is lost" {
  halves
  load_begin '"probes":0'
  for ((i = 0; i < ${RESTARTS:-4}; i++)); do
    bed_wait 20 'telltale to be at work' at_least 200 telltale_metric tt packet_count_prepare
    bed_stop tt
    add_up
    daemon tt
    [ "$(telltale_metric tt telltale_coverage_complete)" = 1 ]
  done
  load_end
  bed_stop tt
  add_up
  cp "$BED/total.json" "$BED/tt.truth"
  exactly tt alice
  [ "$(bed_json "$BED/total.json" lost)" = 0 ]
  unharmed
  bed_stop probe
}

# This manager keeps what it was given for ever. So a process that begins another program carries the breakpoints of
# before, and those that are set anew.
@test "a service manager that is slow to let go of breakpoints: no call is counted twice, and none is a gap" {
  make -C "$ROOT" --no-print-directory --silent build/tests/talker
  receiver_tls bob
  prepare_file "$BED/prepare"
  mkdir "$BED_CGROUP/talkers"
  telltale_config tt "$BED_CGROUP/talkers"
  bed_spawn manager python3 -c "
import socket
manager, kept = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM), []
manager.bind('$BED/notify')
while True:
    kept.append(socket.recv_fds(manager, 65536, 64)[1])
"
  bed_wait 10 'the manager' test -S "$BED/notify"
  half probe probe "$BED/notify"
  daemon tt
  touch "$BED/talker.go"
  # A shell with the library, which becomes the talker.
  # shellcheck disable=SC2016 # the inner shell's
  bed_spawn talker "$ROOT/tests/e2e/in-cgroup" "$BED_CGROUP/talkers" env LD_PRELOAD=libssl.so.3 GO="$BED/talker.go" \
    bash -c 'until [[ -e $1 ]]; do sleep 0.1; done; shift; exec "$@"' bash "$BED/begin" \
    "$ROOT/build/tests/talker" libssl.so.3 plain "$(connector_port bob)" "$BED/prepare" 40 20
  bed_wait 20 'the shell to be noticed' is_read probe "$(bed_pid talker)"
  touch "$BED/begin"
  bed_wait 60 'the talker to end' not bed_alive talker
  # The first of them may come before the breakpoints.
  bed_wait 20 'its exchanges' at_least 700 telltale_metric tt telltale_exchanges_total 'outcome="fulfilled"'
  (($(telltale_metric tt telltale_exchanges_total 'outcome="fulfilled"') <= 800))
  [ "$(telltale_metric tt telltale_gaps_total 'cause="full"')" = 0 ]
  bed_stop tt
  bed_stop probe || [ $? = 75 ]
}

@test "consent that is taken back while the probe half waits to begin: it ends, and has attached nothing" {
  mkdir "$BED_CGROUP/alice"
  telltale_config tt "$BED_CGROUP/alice"
  half probe probe
  bed_wait 20 'it to wait for the key' grep -q 'waiting for' "$BED/probe.log"
  sed -i 's/^enabled: true/enabled: false/' "$BED/tt.yaml"
  kill -HUP "$(bed_pid probe)"
  bed_wait 20 'it to end' not bed_alive probe
  grep -q 'consent was taken back: nothing is attached' "$BED/probe.log"
}

@test "the daemon half is killed under load: no exchange fails, and the probe half and the next one say so" {
  halves
  load_begin '"probes":0'
  bed_wait 20 'telltale to be at work' at_least 500 telltale_metric tt packet_count_prepare
  bed_stop tt KILL || true
  bed_wait 20 'the probe half to say so' grep -q 'ended without a word' "$BED/probe.log"
  daemon tt
  bed_wait 20 'the next to be at work' at_least 500 telltale_metric tt telltale_records_total
  grep -q 'the daemon half before this one was killed' "$BED/tt.log"
  [ "$(telltale_metric tt telltale_coverage_complete)" = 0 ]
  load_end
  unharmed
  bed_stop tt
  bed_stop probe
}

@test "the probe half is killed under load: no exchange fails, nothing stays attached, and the daemon half says so" {
  collector_start collector
  endpoint=$(telltale_endpoint "$(collector_url collector)" own)
  halves
  load_begin '"probes":0'
  bed_wait 20 'telltale to be at work' at_least 500 telltale_metric tt packet_count_prepare
  bed_stop probe KILL || true
  bed_wait 20 'the programs to be detached' not attached
  bed_wait 20 'the daemon half to end' not bed_alive tt
  grep -q 'the probe half has ended without a word' "$BED/tt.log"
  # The last export has it too: what was sent since then is missing.
  bed_wait 20 'the last export' same echo 0 -- collector_sum collector telltale_coverage_complete
  [ "$(collector_sum collector telltale_probe_restarted_total)" = 1 ]
  load_end
  unharmed
}

# welcomed USER: says to the probe half, as that user, what a daemon half says, and prints how many bytes come back. It
# becomes the user when it has found the socket, which lies in root's own folder.
welcomed() {
  python3 - "$BED/tt.runtime" "$ROOT" "$1" <<'PYTHON'
import os, re, socket, struct, sys
folder, root, user = sys.argv[1:]
def number(name, header):
    return int(re.search(rf"#define {name}\s+(\d+)", open(f"{root}/{header}").read())[1])
hello = struct.pack("=HHI16sII", number("WIRE_VERSION", "user/halves/wire.h"), 1, 32, b"",
                    number("RECORD_VERSION", "bpf/record.h"), 0)
os.chdir(folder)
os.setresuid(*3 * [int(user)])
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.settimeout(180)
s.connect("probe.sock")
try:
    s.send(hello)
    print(len(s.recv(4096)))
except (ConnectionResetError, BrokenPipeError):
    print(0)
PYTHON
}

@test "a process of another user gets no ring" {
  halves
  bed_stop tt
  chmod 777 "$BED/tt.runtime" "$BED/tt.runtime/probe.sock"
  [ "$(welcomed 65534)" = 0 ]
  grep -q 'another user has asked for the ring' "$BED/probe.log"
  # It was for the user.
  [ "$(welcomed 0)" -gt 0 ]
  bed_stop probe
}

# account: from here on processes of the bed run in a mount namespace of their own, where there is a user telltale, and
# $BED is /mnt: other users have no way to $BED.
account() {
  cp /etc/passwd /etc/group "$BED/"
  grep -q '^telltale:' "$BED/passwd" || echo 'telltale:x:61234:61234::/:/usr/sbin/nologin' >>"$BED/passwd"
  grep -q '^telltale:' "$BED/group" || echo 'telltale:x:61234:' >>"$BED/group"
  {
    printf '#!/bin/sh\nset -e\n'
    printf 'mount --bind %s %s\n' "$BED/passwd" /etc/passwd "$BED/group" /etc/group "$BED" /mnt
    echo 'exec "$@"'
  } >"$BED/within"
  chmod +x "$BED/within"
  chmod 755 "$BED"
  BED_WITHIN=(unshare --mount "$BED/within")
}

# daemon_pid NAME: the child that is the daemon half of `telltale run`.
daemon_pid() {
  pgrep --parent "$(bed_pid "$1")"
}

@test "telltale run as root takes the rights of the packaged user, where that may read what is configured" {
  receiver bob
  sender alice "http://127.0.0.1:$(connector_port bob)"
  telltale_config tt "$(connector_cgroup alice)"
  account
  sed -i "s|$BED|/mnt|" "$BED/tt.yaml"
  chmod 644 "$BED/tt.yaml" "$BED/rates.json"
  user=$("${BED_WITHIN[@]}" id -u telltale)
  run "${BED_WITHIN[@]}" "$TELLTALE" check --config /mnt/tt.yaml
  [[ $output == *"the user telltale of the service can read all"* ]]
  bed_spawn tt env -i PATH="$PATH" "$TELLTALE" run --config /mnt/tt.yaml
  bed_wait 120 'telltale' telltale_ready tt
  pid=$(daemon_pid tt)
  # Real, effective, saved, of files. Without a capability and the calls for it, nothing leads back to root.
  grep -qE "^Uid:\s+0\s+$user\s+$user\s+$user$" "/proc/$pid/status"
  for set in CapInh CapPrm CapEff CapBnd CapAmb; do grep -qE "^$set:\s+0+$" "/proc/$pid/status"; done
  [ "$(stat -c %u "$BED/tt.state")" = "$user" ]
  connector_hammer alice '{"count":50,"concurrency":4,"receiver":"test.bob","probes":0,"rejects":0}'
  bed_wait 20 'the payments' at_least 50 telltale_metric tt telltale_exchanges_total 'outcome="fulfilled"'
  kill -HUP "$(bed_pid tt)" # the probe half may still send it signals
  bed_wait 20 'the reload' grep -q 'the new configuration is in use' "$BED/tt.log"
  bed_stop tt
  # A file that the user may not read: said, and root's rights stay.
  chmod 600 "$BED/tt.yaml"
  run "${BED_WITHIN[@]}" "$TELLTALE" check --config /mnt/tt.yaml
  [[ $output == *"cannot be read by the user telltale"* ]]
}
