#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""pod.py FOLDER: starts the pod of scripts/deploy/node as a kubelet would, through the CRI at CRI_SOCKET.

FOLDER has manifest.json, the documents of daemonset.yaml, and the folders `secret` and `configmap` with what is in these.
The pod's part of the node's file system is below FOLDER/node, but for cgroups and containerd's own files. The first
containers run to their end, then the others are started. Prints a line for the sandbox and each container: name and id.
Probes, limits and restarts are not done, and the pod has the node's network.
"""
import json
import os
import pathlib
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/targets"))
sys.dont_write_bytecode = True
from kubelet import NODE, ask, field, first_text  # noqa: E402

folder = pathlib.Path(sys.argv[1])
REAL = ("/sys/fs/cgroup", "/var/lib/containerd")
CGROUP = "/kubepods/burstable/podtelltale"
EXITED = 2


def fields(message):
    """The numbers and values of a message's fields; of a number, or bytes."""
    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7f) << shift
            shift += 7
            if byte < 0x80:
                return value
    at = 0
    while at < len(message):
        key = varint()
        value = varint()
        if key & 7 == 2:
            value, at = message[at:at + value], at + value
        yield key >> 3, value


# --- the node -----------------------------------------------------------------------------------

def node_path(path):
    return path if path.startswith(REAL) else f"{folder}/node{path}"


def shared(path, group):
    os.mkdir(path)
    os.chown(path, 0, group)
    os.chmod(path, 0o3777)
    return str(path)


def written(content, mode, group):
    """With links, which let a kubelet replace all files at once."""
    path = shared(content.with_suffix(".volume"), group)
    os.mkdir(f"{path}/..1")
    os.symlink("..1", f"{path}/..data")
    for file in content.iterdir():
        copy = pathlib.Path(path, "..1", file.name)
        copy.write_bytes(file.read_bytes())
        os.chown(copy, 0, group)
        copy.chmod(mode)
        os.symlink(f"..data/{file.name}", f"{path}/{file.name}")
    return path


def volume(v, group):
    """Where it is on the node."""
    if "secret" in v or "configMap" in v:
        return written(folder / ("secret" if "secret" in v else "configmap"), v.get("secret", {}).get("defaultMode", 0o644), group)
    if "hostPath" in v:
        path = node_path(v["hostPath"]["path"])
        os.makedirs(path, mode=0o755, exist_ok=True)
        return path
    return shared(folder / v["name"], group)


# --- the pod ------------------------------------------------------------------------------------

def namespaces(spec):
    return field(1, NODE) + field(2, NODE if spec.get("hostPID") else 0) + field(3, 0)


def pod_config(spec):
    metadata = field(1, "telltale") + field(2, "telltale") + field(3, "telltale")
    linux = field(1, CGROUP) + field(2, field(1, namespaces(spec)))
    return field(1, metadata) + field(3, f"{folder}/logs") + field(8, linux)


def seccomp(profile):
    if profile["type"] == "RuntimeDefault":
        return field(1, 0)
    return field(1, 2) + field(2, node_path("/var/lib/kubelet/seccomp/" + profile["localhostProfile"]))


def security(spec, own):
    every = spec["securityContext"]
    capabilities = own["capabilities"]
    return (field(1, field(1, capabilities.get("add", [])) + field(2, capabilities["drop"])) + field(3, namespaces(spec))
            + field(5, field(1, own.get("runAsUser", every["runAsUser"]))) + field(7, int(own["readOnlyRootFilesystem"]))
            + field(8, every["fsGroup"]) + field(11, int(not own["allowPrivilegeEscalation"]))
            + field(12, field(1, every["runAsGroup"])) + field(15, seccomp(own.get("seccompProfile", every["seccompProfile"]))))


def environment(container):
    """Of the fields of a pod only the node's name is asked for."""
    return [field(1, e["name"]) + field(2, "node-one") for e in container.get("env", [])]


def start(sandbox, spec, container, volumes):
    mounts = [field(1, m["mountPath"]) + field(2, volumes[m["name"]]) + field(3, int(m.get("readOnly", False)))
              for m in container["volumeMounts"]]
    config = (field(1, field(1, container["name"])) + field(2, field(1, container["image"]))
              + field(3, container.get("command", [])) + field(4, container.get("args", []))
              + field(6, environment(container)) + field(7, mounts) + field(11, container["name"] + ".log")
              + field(15, field(2, security(spec, container["securityContext"]))))
    made = first_text(ask("CreateContainer", field(1, sandbox) + field(2, config) + field(3, pod_config(spec))))
    ask("StartContainer", field(1, made))
    return made


def run_to_end(name, made):
    deadline = time.monotonic() + 180
    while True:
        status = dict(fields(dict(fields(ask("ContainerStatus", field(1, made))))[1]))
        if status.get(3) == EXITED:
            break
        if time.monotonic() > deadline:
            sys.exit(f"{name} does not end")
        time.sleep(0.1)
    if status.get(7, 0):
        sys.exit(f"{name} ended with {status[7]}")
    ask("RemoveContainer", field(1, made))


def main():
    documents = json.loads((folder / "manifest.json").read_text())
    spec = next(d for d in documents if d["kind"] == "DaemonSet")["spec"]["template"]["spec"]
    volumes = {v["name"]: volume(v, spec["securityContext"]["fsGroup"]) for v in spec["volumes"]}
    os.makedirs("/sys/fs/cgroup" + CGROUP, exist_ok=True)
    os.makedirs(folder / "logs", exist_ok=True)
    sandbox = first_text(ask("RunPodSandbox", field(1, pod_config(spec))))
    print("sandbox", sandbox, flush=True)
    for container in spec["initContainers"]:
        run_to_end(container["name"], start(sandbox, spec, container, volumes))
    for container in spec["containers"]:
        print(container["name"], start(sandbox, spec, container, volumes), flush=True)


if __name__ == "__main__":
    main()
