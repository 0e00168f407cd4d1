#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The DaemonSet of scripts/deploy/node, as it is written, on a node with a real containerd. What a kubelet would ask of it
# is asked by pod.py.

load ../e2e/helper
load ../targets/storm
load ../targets/runtime

setup_file() {
  make -C "$(dirname "$BATS_TEST_DIRNAME")/.." --no-print-directory -s image build/venv/ready build/venv-service/ready >&2
}

# manifest FOLDER: what pod.py reads. The daemon half writes exact totals too.
manifest() {
  mkdir -p "$1"/{secret,configmap}
  cp "$ROOT/scripts/deploy/node/seccomp.json" "$1/configmap/telltale.json"
  "$ROOT/build/venv-service/bin/python" - "$ROOT/scripts/deploy/node/daemonset.yaml" >"$1/manifest.json" <<'PYTHON'
import json, sys, yaml
documents = list(yaml.safe_load_all(open(sys.argv[1])))
pod = next(d for d in documents if d["kind"] == "DaemonSet")["spec"]["template"]["spec"]
next(c for c in pod["containers"] if c["name"] == "daemon")["args"] += ["--truth", "/var/lib/telltale/truth"]
for c in pod["containers"] + pod["initContainers"]:
    c["image"] += ":0.1.0" if ":" not in c["image"] else ""
json.dump(documents, sys.stdout)
PYTHON
  printf 'enabled: true\nnetwork: testnet\ntargets:\n  - pod: payments/app.kubernetes.io/name=rafiki\ndefault_asset: {code: USD, scale: 2}\n' \
    >"$1/secret/telltale.yaml"
}

pod() {
  "${APART[@]}" env CRI_SOCKET=/run/containerd/containerd.sock "$ROOT/build/venv/bin/python" "$BATS_TEST_DIRNAME/pod.py" "$1" \
    3>&- 4>&-
}

id_of() { sed -n "s/^$1 //p" "$BED/pod"; }

# Exact totals are written each second.
seen() { bed_json "$BED/cluster/node/var/lib/telltale/truth" outcomes fulfilled; }

attached() { bpftool cgroup tree "$BED_CGROUP" | grep -qE 'ingress_run|egress_run|socket_released'; }

ready() { grep -q 'run: ready' "$BED/cluster/logs/daemon.log"; }

@test "the DaemonSet counts exactly what a pod sends that its labels name; with its pod gone, nothing is attached" {
  apart_start
  cri_start
  "${APART[@]}" ctr --namespace k8s.io images import --snapshotter native \
    "$ROOT/build/telltale-0.1.0-$(dpkg --print-architecture).image.tar" >&2
  storm_bob
  manifest "$BED/cluster"
  pod "$BED/cluster" >"$BED/pod"
  bed_wait 120 'the daemon half' ready || { cat "$BED"/cluster/logs/*; false; }
  grep -q 'waiting: no pod with this namespace' "$BED/cluster/logs/probe.log"

  runtime_sender "$BED/journal" "$URL"
  pod_start rafiki-1 0a0a0a0a-1111-2222-3333-000000000002 app.kubernetes.io/name=rafiki
  storm_goes_on
  pod_end
  bed_wait 20 'the last exchange to be seen' at_least "$(storm_answered)" seen
  cp "$BED/cluster/node/var/lib/telltale/truth" "$BED/tt.truth"
  storm_holds 1
  [ "$(stat -c %u "$BED/cluster/node/var/lib/telltale")" = 65532 ]
  # Something is there to be detached.
  pod_start rafiki-2 0a0a0a0a-1111-2222-3333-000000000003 app.kubernetes.io/name=rafiki
  bed_wait 20 'the programs to be attached' attached
  kubelet kill "$(id_of daemon)"
  kubelet kill "$(id_of probe)"
  kubelet kill "$(id_of sandbox)"
  bed_wait 20 'the programs to be detached' not attached
  pod_end
}
