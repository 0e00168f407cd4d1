#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The container image: its halves in two containers, as scripts/deploy/node has them, beside a connector that pays.

load ../e2e/helper

VERSION=0.1.0
DEPLOY=$ROOT/scripts/deploy/node
DAEMON_USER=65532

setup_file() {
  make -C "$(dirname "$BATS_TEST_DIRNAME")/.." --no-print-directory -s image >&2
}

teardown() {
  [[ -z ${BED:-} || ! -e $BED/engine-root ]] || engine_fini
  bed_teardown
}

image_file() {
  echo "$ROOT/build/telltale-$VERSION-$(dpkg --print-architecture).image.tar"
}

# engine ARGUMENT...: podman, with folders of its own.
engine() {
  podman --root "$BED/engine-root" --runroot "$BED/engine-run" --tmpdir "$BED/engine-tmp" --storage-driver vfs \
    --cgroup-manager cgroupfs --runtime runc "$@"
}

engine_fini() {
  local name
  for name in probe daemon; do
    logs "$name" || true
    engine rm --force --time 0 "$name" || true
  done
}

# run_container NAME OPTION...: in the background. It may have no more files and processes than the tests.
run_container() {
  engine run --detach --name "$1" --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 "${@:2}" >/dev/null 3>&-
}

logs() { engine logs "$1" >"$BED/$1.log" 2>&1; }

says() { logs "$1" && grep -qF "$2" "$BED/$1.log"; }

# --- the halves, with what compose.yaml and daemonset.yaml give to them ----------------------------

half_options() {
  HALF=(--cap-drop ALL --security-opt no-new-privileges --security-opt "seccomp=$BED/profiles/telltale.json" --read-only
    --volume "$BED/tt.yaml:/etc/telltale/telltale.yaml:ro" --volume "$BED/rates.json:/etc/telltale/rates.json:ro")
}

# In a cgroup namespace of its own, as Kubernetes has it. With that of the host, as compose.yaml has it, more is seen.
probe_container() {
  local HALF
  half_options
  run_container probe "${HALF[@]}" --user 0:$DAEMON_USER --pid host --cgroupns private --network none \
    --cap-add BPF --cap-add NET_ADMIN --cap-add PERFMON --cap-add SYS_PTRACE --cap-add DAC_READ_SEARCH \
    --cap-add CHECKPOINT_RESTORE --volume /sys/fs/cgroup:/sys/fs/cgroup:ro --volume "$BED/probe:/run/telltale-probe" \
    --volume "$BED/state:/var/lib/telltale:ro" localhost/telltale:$VERSION \
    probe --socket /run/telltale-probe/probe.sock --daemon-user telltale-daemon
}

daemon_container() {
  local HALF
  half_options
  run_container daemon "${HALF[@]}" --user $DAEMON_USER:$DAEMON_USER --network host --volume "$BED/probe:/run/telltale-probe:ro" \
    --volume "$BED/state:/var/lib/telltale" --volume "$BED/control:/run/telltale" localhost/telltale:$VERSION \
    daemon --socket /run/telltale-probe/probe.sock --truth /var/lib/telltale/truth
}

# volumes: as Kubernetes makes them, and what the DaemonSet's first containers do to them.
volumes() {
  mkdir "$BED"/{state,probe,control,profiles}
  chgrp $DAEMON_USER "$BED"/{probe,control}
  chmod 2777 "$BED"/{probe,control}
  first --cap-add CHOWN --volume "$BED/state:/var/lib/telltale" --entrypoint chown localhost/telltale:$VERSION \
    $DAEMON_USER:$DAEMON_USER /var/lib/telltale
  first --volume "$DEPLOY/seccomp.json:/profile/telltale.json:ro" --volume "$BED/profiles:/host" --entrypoint dd \
    localhost/telltale:$VERSION if=/profile/telltale.json of=/host/telltale.json status=none
}

first() {
  run_container first --cap-drop ALL --security-opt no-new-privileges --read-only --user 0 --network none "$@"
  engine wait first
  engine rm first
}

configure() {
  telltale_config tt "$(connector_cgroup alice)" 'endpoints:' "$(telltale_endpoint "$(collector_url collector)" network)"
  sed -i "/^state_dir/d; /^run_dir/d; s,$BED/rates.json,/etc/telltale/rates.json," "$BED/tt.yaml"
  chown :$DAEMON_USER "$BED/tt.yaml"
  chmod 640 "$BED/tt.yaml"
}

attached() {
  bpftool cgroup tree "$BED_CGROUP" | grep -qE 'ingress_run|egress_run|socket_released'
}

@test "without consent its containers refuse; with it they count exactly; stopped, they are detached" {
  command -v podman >/dev/null || skip 'needs podman: scripts/bootstrap'
  engine load --input "$(image_file)" >&2
  collector_start collector
  receiver bob
  receiver_tls dora
  sender alice "http://127.0.0.1:$(connector_port bob)" "https://localhost:$(connector_port dora)"
  configure
  volumes

  sed -i 's/^enabled: true/enabled: false/' "$BED/tt.yaml"
  probe_container
  bed_wait 60 'the probe half to refuse' says probe 'telltale enable'
  run ! attached
  engine rm --force probe
  sed -i 's/^enabled: false/enabled: true/' "$BED/tt.yaml"

  probe_container
  daemon_container
  bed_wait 120 'the daemon half' says daemon 'run: ready'
  connector_hammer alice '{"count":50,"concurrency":4,"receiver":"test.bob"}'
  # Podman's own 10 s may be over, on a busy machine, before it has written the last of its truth.
  engine stop --time 120 daemon >/dev/null
  mv "$BED/state/truth" "$BED/tt.truth"
  exactly tt alice
  bed_stop collector
  [ "$(collector_sum collector transactions_total)" -ge 1 ]
  attached
  engine stop probe >/dev/null
  bed_wait 20 'the programs to be detached' not attached
}

@test "the image is small, and has nothing in it that could be executed but the program and two tools" {
  engine load --input "$(image_file)" >&2
  size=$(engine image inspect --format '{{.Size}}' localhost/telltale:$VERSION)
  echo "# $(stat -c %s "$(image_file)") bytes, $size unpacked" >&3
  ((size <= 40000000))
  engine create --name content localhost/telltale:$VERSION >/dev/null
  engine export --output "$BED/content.tar" content
  tar --list --verbose --file "$BED/content.tar" | awk '$1 ~ /^[-h]..x/ && $6 !~ /\.so(\.|$)/ { print $6 }' | sort >"$BED/programs"
  diff - "$BED/programs" <<<$'usr/bin/chown\nusr/bin/dd\nusr/bin/telltale'
}
