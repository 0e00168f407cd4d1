#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# More runtimes than `check` runs: podman 5, Compose, LXC. Each runs a sender, which is restarted, killed and made anew while
# telltale follows its name; in the last one telltale itself is in containers. What is not installed is skipped:
# docker-compose, lxc, mmdebstrap.
# Some functions replace those that were loaded, and are called by name.
# shellcheck disable=SC2317

load ../../e2e/helper
load ../storm
load ../runtime

teardown() {
  [[ -z ${BED_CGROUP:-} ]] || runtime_fini >/dev/null 2>&1 || true
  bed_teardown
}

runtime_fini() { engine_fini; }

# followed TARGET WAY...: what the sender sends is counted from its first exchange on, in each of these ways to begin again.
followed() {
  local way
  storm_bob
  runtime_config "$1"
  telltale_apart tt
  grep -q ': waiting: ' "$BED/tt.log"
  runtime_sender "$BED/journal" "$URL"
  begin
  storm_goes_on
  for way in "${@:2}"; do
    "$way"
    storm_goes_on
  done
  over
  bed_wait 20 'the last exchange to be seen' at_least "$(storm_answered)" telltale_metric tt \
    telltale_exchanges_total 'outcome="fulfilled"'
  telltale_stop tt
  storm_holds $#
}

# --- engines with podman's and docker's commands ---------------------------------------------------

begin() { engine_run alice rafiki:1; }

restarted() { engine_do restart --time 5 alice >/dev/null; }

killed() {
  kill -KILL "$(engine_do inspect --format '{{.State.Pid}}' alice)"
  bed_wait 20 'its end' ended
  engine_do start alice >/dev/null
}

ended() { [[ $(engine_do inspect --format '{{.State.Running}}' alice) == false ]]; }

anew() {
  engine_do rm --force alice >/dev/null
  begin
}

over() { engine_do stop --time 5 alice >/dev/null; }

# trixie_root: Debian 13 in a root of its own, from which this host's /usr is seen at /host/usr: the folder TRIXIE, or what
# mmdebstrap makes. Its runtimes work in the namespace of apart_start.
trixie_root() {
  local path
  if [[ -z ${TRIXIE:-} ]]; then
    command -v mmdebstrap >/dev/null || skip 'needs mmdebstrap'
    TRIXIE=$BED/trixie
    mmdebstrap --quiet --variant=minbase --include=podman,runc,python3-minimal,docker.io,containerd,docker-compose \
      trixie "$TRIXIE" >&2
  fi
  # Its root must be a mount of its own.
  "${APART[@]}" mount --bind "$TRIXIE" "$TRIXIE"
  for path in /proc /sys /dev /var/lib/{containers,docker,containerd} /run/{containers,libpod,runc,docker,containerd} "$BED" "$ROOT"; do
    mkdir -p "$TRIXIE$path"
    "${APART[@]}" mount --rbind "$path" "$TRIXIE$path"
  done
  mkdir -p "$TRIXIE/host/usr"
  "${APART[@]}" mount --rbind /usr "$TRIXIE/host/usr"
}

podman5() {
  "${APART[@]}" chroot "$TRIXIE" podman --cgroup-manager cgroupfs \
    --runtime "$ROOT/tests/targets/runc-without-limits" --storage-driver vfs "$@" 3>&- 4>&-
}

@test "podman 5: a container named by its name is counted through restarts, crashes and re-creation" {
  apart_start
  trixie_root
  # shellcheck disable=SC2034 # engine_fini's
  ENGINE=podman
  engine_do() { podman5 "${@/#\/usr:\/usr:ro//host/usr:/usr:ro}"; }
  [[ $(podman5 --version) == 'podman version 5.'* ]]
  engine_image rafiki:1
  followed 'container: alice' restarted killed anew restarted killed anew
}

# --- Compose ----------------------------------------------------------------------------------------

compose() {
  "${APART[@]}" env DOCKER_HOST="unix://$BED/docker.sock" docker-compose --project-directory "$BED" --project-name rafiki \
    --file "$BED/compose.json" --no-ansi "$@" 3>&- 4>&-
}

@test "Compose: a service named by its label is counted when it is restarted, stopped, made anew and taken down" {
  command -v docker-compose >/dev/null || skip 'needs docker-compose'
  apart_start
  engine docker
  engine_image rafiki:1
  begin() {
    python3 - "$ROOT" "$BED" "${RUNS[@]}" >"$BED/compose.json" <<'PYTHON'
import json, sys
tree, bed, *command = sys.argv[1:]
print(json.dumps({"version": "3.9", "services": {"connector": {
    "image": "rafiki:1", "command": command, "network_mode": "host",
    "ulimits": {"nofile": 1024, "nproc": 1024},
    "volumes": ["/usr:/usr:ro", f"{tree}:{tree}:ro", f"{bed}:{bed}"]}}}))
PYTHON
    compose up --detach
  }
  restarted() { compose restart --timeout 5; }
  stopped() {
    compose stop --timeout 5
    compose start
  }
  anew() { compose up --detach --force-recreate --timeout 5; }
  down() {
    compose down --timeout 5
    compose up --detach
  }
  over() { compose down --timeout 5; }
  followed 'container: label=com.docker.compose.service=connector' restarted stopped anew down anew
}

# --- LXC --------------------------------------------------------------------------------------------

# From a cgroup of that namespace.
lxc() {
  # shellcheck disable=SC2016
  "${APART[@]}" sh -c 'echo $$ >/sys/fs/cgroup/itself/cgroup.procs; exec "$@"' - \
    "lxc-$1" --lxcpath "$BED/lxc" --name alice "${@:2}" 3>&- 4>&-
}

@test "LXC: a container named by its cgroup is counted when it is stopped, killed and started again" {
  command -v lxc-start >/dev/null || skip 'needs lxc'
  apart_start
  begin() {
    mkdir -p "$BED/lxc/alice"
    cat >"$BED/lxc/alice/config" <<CONFIG
lxc.uts.name = alice
lxc.rootfs.path = dir:$BED/image
lxc.net.0.type = none
lxc.apparmor.profile = unconfined
lxc.mount.auto = proc:rw sys:ro
lxc.mount.entry = /usr usr none rbind,ro 0 0
lxc.mount.entry = $ROOT ${ROOT#/} none rbind,ro,create=dir 0 0
lxc.mount.entry = $BED ${BED#/} none rbind,rw,create=dir 0 0
lxc.init.cmd = ${RUNS[*]}
lxc.signal.halt = SIGTERM
lxc.cgroup.relative = 1
lxc.console.path = none
lxc.log.file = $BED/lxc.log
CONFIG
    started
  }
  started() { lxc start --daemon; }
  gone() { ! lxc info --state 2>/dev/null | grep -q RUNNING; }
  stopped() {
    lxc stop --timeout 5
    bed_wait 20 'its end' gone
    started
  }
  killed() {
    lxc stop --kill
    bed_wait 20 'its end' gone
    started
  }
  over() { lxc stop --timeout 5; }
  runtime_fini() { lxc stop --kill; }
  followed 'cgroup: /itself/lxc.payload.alice*' stopped killed stopped killed
}

# --- telltale's own compose file -----------------------------------------------------------------------

# docker26_start: that of Debian 13, since Debian 12's does not know CAP_BPF.
docker26_start() {
  trixie_root
  apart_spawn containerd chroot "$TRIXIE" containerd
  bed_wait 30 containerd "${APART[@]}" test -S /run/containerd/containerd.sock
  apart_spawn dockerd chroot "$TRIXIE" dockerd --pidfile "$BED/docker.pid" \
    --containerd /run/containerd/containerd.sock --host "unix://$BED/docker.sock" \
    --storage-driver vfs --iptables=false --ip6tables=false --bridge=none --exec-opt native.cgroupdriver=cgroupfs
  bed_wait 60 dockerd engine_do version
}

docker26() {
  "${APART[@]}" docker --host "unix://$BED/docker.sock" "${@/#\/usr:\/usr:ro//host/usr:/usr:ro}" 3>&- 4>&-
}

# compose2 ARGUMENT...: on scripts/deploy/node/compose.yaml.
compose2() {
  "${APART[@]}" env DOCKER_HOST="unix://$BED/docker.sock" "$TRIXIE/usr/libexec/docker/cli-plugins/docker-compose" \
    --project-directory "$BED/node" --file "$BED/node/compose.yaml" --file "$BED/override.yaml" "$@" 3>&- 4>&-
}

# node_compose: what an operator has beside compose.yaml; and limits that this host has no controllers for are left out.
node_compose() {
  cp -r "$ROOT/scripts/deploy/node" "$BED/node"
  printf '%s\n' 'enabled: true' 'instance: tt' 'network: testnet' 'default_asset: {code: USD, scale: 2}' 'targets:' \
    '  - container: alice' >"$BED/node/telltale.yaml"
  chgrp 65532 "$BED/node/telltale.yaml"
  chmod 640 "$BED/node/telltale.yaml"
  cat >"$BED/override.yaml" <<'YAML'
services:
  probe: {mem_limit: !reset null, pids_limit: !reset null, ulimits: {nofile: 1024, nproc: 1024}}
  daemon:
    mem_limit: !reset null
    pids_limit: !reset null
    ulimits: {nofile: 1024, nproc: 1024}
    # There is no bridge here.
    network_mode: host
    command: [daemon, --socket, /run/telltale-probe/probe.sock, --truth, /var/lib/telltale/truth]
YAML
}

node_truth() { "${APART[@]}" cat /var/lib/docker/volumes/telltale_state/_data/truth >"$BED/tt.truth"; }

node_saw() { node_truth && bed_json "$BED/tt.truth" outcomes fulfilled; }

node_ready() { compose2 logs daemon 2>&1 | grep -q 'run: ready'; }

programs_attached() { bpftool cgroup tree "$BED_CGROUP" | grep -qE 'ingress_run|egress_run|socket_released'; }

@test "Compose: telltale in node/compose.yaml's own containers counts exactly; taken down, nothing is attached" {
  command -v docker >/dev/null || skip 'needs docker: scripts/bootstrap'
  make -C "$ROOT" --no-print-directory -s image >&2
  apart_start
  # shellcheck disable=SC2034 # engine_fini's
  ENGINE=docker
  engine_do() { docker26 "$@"; }
  docker26_start
  engine_image rafiki:1
  engine_do load --quiet --input "$ROOT/build/telltale-0.1.0-$(dpkg --print-architecture).image.tar"
  storm_bob
  node_compose
  compose2 up --detach
  bed_wait 120 'the daemon half' node_ready || { compose2 logs; false; }
  runtime_sender "$BED/journal" "$URL"
  begin
  for way in restarted killed anew; do
    storm_goes_on
    $way
  done
  storm_goes_on
  over
  bed_wait 20 'the last exchange to be seen' at_least "$(storm_answered)" node_saw
  node_truth
  storm_holds 4
  # Something is there to be detached.
  anew
  bed_wait 20 'the programs to be attached' programs_attached
  compose2 down --volumes
  bed_wait 20 'the programs to be detached' not programs_attached
}
