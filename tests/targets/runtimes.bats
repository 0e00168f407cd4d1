#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Containers of podman and docker, named as their operator knows them, restarted, crashed and made anew.

load ../e2e/helper
load storm
load runtime

teardown() {
  [[ -z ${BED_CGROUP:-} ]] || engine_fini
  bed_teardown
}

# crash NAME: its first process is killed behind the runtime's back, and the runtime starts the container again.
crash() {
  kill -KILL "$(engine_do inspect --format '{{.State.Pid}}' "$1")"
  bed_wait 20 "$1 to have ended" ended "$1"
  engine_do start "$1" >/dev/null
}

ended() {
  [[ $(engine_do inspect --format '{{.State.Running}}' "$1") == false ]]
}

# begin NAME: the containers of the test. alice is named by name, bella by image, cora by label; mallory by nothing.
begin() {
  case $1 in
  alice) engine_run alice rafiki:1 ;;
  bella) engine_run bella "$(image_of bella):2" ;;
  cora) engine_run cora rafiki:1 --label org.interledger.role=connector ;;
  esac
}

image_of() {
  [[ $ENGINE == docker ]] && echo "$1" || echo "localhost/$1"
}

targets() {
  runtime_config 'container: alice'
  sed -i "s|^  - container: .*|&\n  - container: image=$(image_of bella)\n  - container: label=org.interledger.role=conn*|" \
    "$BED/tt.yaml"
}

# discovers LINE...: each is among the targets that are printed for the configuration.
discovers() {
  local line
  "${APART[@]}" "$TELLTALE" discover --yes --for 3s >"$BED/discovered"
  for line in "$@"; do grep -qxF -- "  - $line" "$BED/discovered" || return; done
}

# follows ENGINE: what each container sends is counted, whatever becomes of it, and what mallory sends is not.
follows() {
  local name
  apart_start
  engine "$1"
  engine_image rafiki:1
  engine_image bella:2 org.interledger.role=other
  storm_bob
  receiver carol
  targets
  telltale_apart tt
  grep -q 'alice: waiting: no such container' "$BED/tt.log"
  runtime_sender "$BED/mallory.journal" "http://127.0.0.1:$(connector_port carol)/"
  engine_run mallory rafiki:1 --label org.interledger.role=other
  runtime_sender "$BED/journal" "$URL"
  for name in alice bella cora; do begin $name && storm_goes_on; done
  [[ $ENGINE == podman ]] ||
    bed_wait 60 'all who speak ILP to be discovered' discovers 'container: alice' 'container: mallory'
  for name in alice bella cora; do
    engine_do restart --time 5 $name >/dev/null
    storm_goes_on
    crash $name
    storm_goes_on
    engine_do rm --force $name >/dev/null
    begin $name
    storm_goes_on
  done
  engine_do stop --time 5 alice bella cora >/dev/null
  bed_wait 20 'the last exchange to be seen' at_least "$(storm_answered)" telltale_metric tt \
    telltale_exchanges_total 'outcome="fulfilled"'
  telltale_stop tt
  [[ -s $BED/mallory.journal ]]
  storm_holds 12
}

@test "podman: containers named by name, image and label are counted through restarts, crashes and re-creation" {
  follows podman
}

@test "docker: containers named by name, image and label are counted through restarts, crashes and re-creation" {
  follows docker
}

@test "containerd: a pod named by namespace and labels is counted when its container restarts and it is made anew" {
  apart_start
  cri_start
  storm_bob
  receiver carol
  runtime_config 'pod: payments/app.kubernetes.io/name=rafiki,tier=back*'
  telltale_apart tt
  grep -q 'waiting: no pod with this namespace' "$BED/tt.log"
  runtime_sender "$BED/mallory.journal" "http://127.0.0.1:$(connector_port carol)/"
  pod_start mallory 0a0a0a0a-1111-2222-3333-000000000001 app.kubernetes.io/name=rafiki tier=front
  runtime_sender "$BED/journal" "$URL"
  pod_start rafiki-1 0a0a0a0a-1111-2222-3333-000000000002 app.kubernetes.io/name=rafiki tier=backend
  storm_goes_on
  bed_wait 60 'who speaks ILP to be discovered' discovers 'pod: "payments/app.kubernetes.io/name=rafiki,tier=backend"'
  for _ in 1 2; do
    kubelet kill "$CONTAINER"
    pod_container
    storm_goes_on
  done
  pod_end
  bed_wait 20 'its end to be noticed' grep -q 'gone: its cgroup was removed' "$BED/tt.log"
  pod_start rafiki-2 0a0a0a0a-1111-2222-3333-000000000003 app.kubernetes.io/name=rafiki tier=backend
  storm_goes_on
  pod_end
  bed_wait 20 'the last exchange to be seen' at_least "$(storm_answered)" telltale_metric tt \
    telltale_exchanges_total 'outcome="fulfilled"'
  telltale_stop tt
  [[ -s $BED/mallory.journal ]]
  storm_holds 4
}
