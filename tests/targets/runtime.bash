# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Container runtimes in a mount namespace of the test's own (apart), their cgroups below $BED_CGROUP/apart.

# apart_start: whatever is told to run there begins with "${APART[@]}".
apart_start() {
  mkdir -p "$BED_CGROUP/apart"
  bed_spawn holder "$ROOT/tests/targets/apart" "$BED_CGROUP/apart"
  bed_wait 20 'the namespace' grep -q ready "$BED/holder.log"
  APART=(nsenter --target "$(bed_pid holder)" --mount --cgroup --)
  mkdir -p "$BED/image"/{etc,proc,dev,tmp,usr,sys}
  local name
  for name in bin sbin lib lib64; do ln -s "usr/$name" "$BED/image/$name"; done
  for name in passwd group hosts nsswitch.conf; do cp "/etc/$name" "$BED/image/etc/"; done
  tar -C "$BED/image" -c . >"$BED/image.tar"
}

# apart_spawn NAME COMMAND...: as bed_spawn, there.
apart_spawn() {
  # shellcheck disable=SC2034 # bed_spawn's
  local BED_WITHIN=("${APART[@]}")
  bed_spawn "$@"
}

# telltale_apart NAME: as telltale_start, there.
telltale_apart() {
  # shellcheck disable=SC2034 # bed_spawn's
  local BED_WITHIN=("${APART[@]}")
  telltale_start "$1"
}

# runtime_config TARGET: a configuration whose target is this line.
runtime_config() {
  telltale_config tt /unused
  sed -i "s|^  - cgroup: .*|  - $1|" "$BED/tt.yaml"
}

# runtime_sender JOURNAL URL: the command of a sender, as an array.
runtime_sender() {
  RUNS=("$(command -v node)" "$ROOT/tests/targets/sender.js" "$2" "$1" "$IN_FLIGHT")
}

# engine podman|docker: which one the functions below are about; docker's daemons are started.
engine() {
  ENGINE=$1
  command -v "$1" >/dev/null || skip "needs $1: scripts/bootstrap"
  [[ $1 == podman ]] || docker_start
}

docker_start() {
  command -v dockerd >/dev/null || skip 'needs dockerd: scripts/bootstrap'
  containerd_start
  apart_spawn dockerd dockerd --pidfile "$BED/docker.pid" --containerd /run/containerd/containerd.sock \
    --host "unix://$BED/docker.sock" --storage-driver vfs --iptables=false --ip6tables=false --bridge=none \
    --exec-opt native.cgroupdriver=cgroupfs
  bed_wait 60 dockerd engine_do version
}

# engine_do ARGUMENT...
engine_do() {
  case $ENGINE in
  podman) "${APART[@]}" podman --cgroup-manager cgroupfs --runtime runc "$@" ;;
  docker) "${APART[@]}" docker --host "unix://$BED/docker.sock" "$@" ;;
  esac 3>&- 4>&-
}

# engine_image NAME [LABEL]: an image in which everything comes from this host.
engine_image() {
  local options=()
  [[ -z ${2:-} ]] || options=(--change "LABEL $2")
  engine_do import "${options[@]}" "$BED/image.tar" "$1" >/dev/null
}

# engine_run NAME IMAGE [OPTION...]: a container that runs RUNS in the background. It has no limits, since those take
# controllers that a hybrid hierarchy keeps for itself, and no more files and processes than this shell may have.
engine_run() {
  engine_do run --detach --name "$1" --network host --ulimit "nofile=$(ulimit -n):$(ulimit -n)" \
    --ulimit "nproc=1024:1024" --pids-limit=-1 --volume /usr:/usr:ro --volume "$ROOT:$ROOT:ro" --volume "$BED:$BED" \
    "${@:3}" "$2" "${RUNS[@]}" >/dev/null
}

# engine_fini: what a runtime has started belongs to no process of the bed, but is in its cgroups.
engine_fini() {
  [[ -z ${ENGINE:-} ]] || engine_do rm --force alice bella cora mallory >/dev/null 2>&1 || true
}

# --- containerd ---------------------------------------------------------------------------------

containerd_start() {
  command -v containerd >/dev/null || skip 'needs containerd: scripts/bootstrap'
  apart_spawn containerd containerd "$@"
  bed_wait 30 containerd "${APART[@]}" test -S /run/containerd/containerd.sock
}

# --- pods ---------------------------------------------------------------------------------------

# cri_start: containerd as it is on a node of Kubernetes, and an image of this host for it.
cri_start() {
  command -v busybox >/dev/null || skip 'needs busybox: scripts/bootstrap'
  cat >"$BED/containerd.toml" <<TOML
version = 2
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "localhost/rafiki:1"
restrict_oom_score_adj = true
disable_apparmor = true
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "native"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
BinaryName = "$ROOT/tests/targets/runc-without-limits"
TOML
  containerd_start --config "$BED/containerd.toml"
  cp "$(command -v busybox)" "$BED/image/busybox"
  python3 "$ROOT/tests/targets/kubelet.py" image "$BED/image" localhost/rafiki:1 "$BED/oci.tar"
  "${APART[@]}" ctr --namespace k8s.io images import --snapshotter native "$BED/oci.tar" >/dev/null
}

# kubelet ARGUMENT...
kubelet() {
  "${APART[@]}" env CRI_SOCKET=/run/containerd/containerd.sock "$ROOT/build/venv/bin/python" \
    "$ROOT/tests/targets/kubelet.py" "$@" 3>&- 4>&-
}

# pod_start NAME UID KEY=VALUE...: a pod whose container runs RUNS; their ids are in SANDBOX and CONTAINER.
pod_start() {
  POD_UID=$2
  SANDBOX=$(kubelet sandbox payments "$1" "$2" "/kubepods/burstable/pod$2" "${@:3}")
  pod_container
}

# pod_container: another container of the pod that was started last.
pod_container() {
  CONTAINER=$(kubelet container "$SANDBOX" main localhost/rafiki:1 "$POD_UID" "/kubepods/burstable/pod$POD_UID" \
    "/usr:$ROOT:$BED" "${RUNS[@]}")
}

# pod_end: the kubelet removes the pod and its cgroup.
pod_end() {
  kubelet kill "$CONTAINER"
  kubelet kill "$SANDBOX"
  "${APART[@]}" rmdir "/sys/fs/cgroup/kubepods/burstable/pod$POD_UID"
}
