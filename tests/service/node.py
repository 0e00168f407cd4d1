#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""node.py FOLDER OPERATOR.md: checks what FOLDER, a copy of scripts/deploy/node, asks a cluster or a host to allow.

The manifests are what Kubernetes' own schema says, no key more; the capabilities are those that OPERATOR.md
documents; nothing is privileged; and nothing starts without the operator's own configuration.
"""
import json
import pathlib
import re
import sys

import kubernetes_validate
import yaml

folder, manual = map(pathlib.Path, sys.argv[1:3])
problems = []


def expect(holds, what):
    if not holds:
        problems.append(what)


def documented():
    """The capabilities of OPERATOR.md's table, without the one that only some kernels need."""
    names = re.findall(r"^  \| (`CAP_[^|]*)\|", manual.read_text(), re.MULTILINE)
    return {name for row in names for name in re.findall(r"CAP_(\w+)", row)} - {"SYS_ADMIN"}


def daemon_set():
    documents = list(yaml.safe_load_all((folder / "daemonset.yaml").read_text()))
    for document in documents:
        try:
            kubernetes_validate.validate(document, "1.30", strict=True)
        except kubernetes_validate.ValidationError as error:
            problems.append(f"{document['kind']}: {error.message}")
    return next(d for d in documents if d["kind"] == "DaemonSet")["spec"]["template"]["spec"]


def capabilities(container):
    return set(container["securityContext"]["capabilities"].get("add", []))


def check_pod(pod):
    containers = {c["name"]: c for c in pod["containers"]}
    first = {c["name"]: c for c in pod["initContainers"]}
    for name, c in (containers | first).items():
        own = c["securityContext"]
        expect(own.get("allowPrivilegeEscalation") is False, f"{name} may get more privileges")
        expect(own.get("readOnlyRootFilesystem") is True, f"{name} may write to its image")
        expect(own["capabilities"].get("drop") == ["ALL"], f"{name} keeps capabilities")
        expect(not own.get("privileged"), f"{name} is privileged")
    expect(capabilities(containers["probe"]) == documented(), "the probe half's capabilities are not the documented ones")
    expect(not capabilities(containers["daemon"]), "the daemon half has capabilities")
    expect(containers["daemon"]["securityContext"].get("runAsUser", pod["securityContext"]["runAsUser"]) != 0,
           "the daemon half is root")
    expect(capabilities(first["state"]) == {"CHOWN"} and not capabilities(first["seccomp"]), "what runs first may do more than it needs")
    for name, c in containers.items():
        profile = c["securityContext"].get("seccompProfile", {})
        expect(profile == {"type": "Localhost", "localhostProfile": "telltale.json"}, f"{name} lacks the seccomp profile")
        expect(c["resources"]["limits"].get("memory"), f"{name} may take all memory")
    expect(not pod.get("hostNetwork") and not pod.get("hostIPC"), "the pod has more namespaces of the host than that of PIDs")
    expect(pod["automountServiceAccountToken"] is False, "the pod has a token of the cluster")
    writable = {m["name"] for c in pod["containers"] for m in c["volumeMounts"] if not m.get("readOnly")}
    paths = {v["hostPath"]["path"] for v in pod["volumes"] if "hostPath" in v and v["name"] in writable}
    expect(paths == {"/var/lib/telltale"}, f"the halves can write to {paths} of the node")
    secret = next(v["secret"] for v in pod["volumes"] if v["name"] == "config")
    expect(not secret.get("optional"), "the pod starts without a configuration")
    expect("enabled" not in (folder / "daemonset.yaml").read_text(), "consent is in the manifest")


def check_compose(services):
    probe, daemon = services["probe"], services["daemon"]
    for name, s in services.items():
        expect(s["cap_drop"] == ["ALL"], f"compose: {name} keeps capabilities")
        expect(s.get("read_only") is True and not s.get("privileged"), f"compose: {name} is privileged")
        expect(s["security_opt"] == ["no-new-privileges:true", "seccomp:./seccomp.json"], f"compose: {name} is not confined")
        config = [v for v in s["volumes"] if isinstance(v, dict) and v["target"] == "/etc/telltale/telltale.yaml"]
        expect(config and config[0]["bind"]["create_host_path"] is False, f"compose: {name} starts without a configuration")
    expect(set(probe["cap_add"]) == documented(), "compose: the probe half's capabilities are not the documented ones")
    expect(probe["network_mode"] == "none", "compose: the probe half has a network")
    expect("cap_add" not in daemon and not daemon["user"].startswith("0"), "compose: the daemon half has privileges")


def check_seccomp(profile):
    names = {name for rule in profile["syscalls"] for name in rule["names"]}
    expect(profile["defaultAction"] == "SCMP_ACT_ERRNO", "the profile allows what it does not name")
    expect({"bpf", "perf_event_open"} <= names, "the profile forbids what the probe half is for")
    more = names & {"mount", "ptrace", "init_module", "setns", "unshare", "keyctl", "io_uring_setup", "process_vm_readv", "reboot"}
    expect(not more, f"the profile allows {more}")


check_pod(daemon_set())
check_compose(yaml.safe_load((folder / "compose.yaml").read_text())["services"])
check_seccomp(json.loads((folder / "seccomp.json").read_text()))
sys.exit("\n".join(problems) or None)
