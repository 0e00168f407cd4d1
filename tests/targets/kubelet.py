#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a kubelet asks of a container runtime, and no more, over the CRI at the socket CRI_SOCKET.

kubelet.py image FOLDER REF FILE     an OCI archive of FOLDER, for `ctr images import`
kubelet.py sandbox NAMESPACE NAME UID CGROUP KEY=VALUE...   prints the id of a pod's sandbox
kubelet.py container SANDBOX NAME IMAGE UID CGROUP MOUNTS COMMAND...   starts one; MOUNTS: paths with : between
kubelet.py kill CONTAINER|SANDBOX    ends and removes it
"""
import hashlib
import io
import json
import os
import sys
import tarfile

NODE = 2  # the namespace of the node


# --- protobuf ---------------------------------------------------------------------------------

def varint(number):
    out = bytearray()
    while number > 0x7f:
        out.append(number & 0x7f | 0x80)
        number >>= 7
    return bytes(out) + bytes([number])


def field(number, value):
    """A field of a message: of an int, a str, bytes (a message), or of each in a list or dict."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, dict):
        return b"".join(field(number, field(1, k) + field(2, v)) for k, v in value.items())
    if isinstance(value, list):
        return b"".join(field(number, v) for v in value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def first_text(message):
    """The first field of a message, which is a text."""
    if not message:
        return ""
    length, at = message[1], 2
    assert message[0] == 1 << 3 | 2 and length < 0x80
    return message[at:at + length].decode()


def ask(method, request):
    import grpc
    with grpc.insecure_channel("unix://" + os.environ["CRI_SOCKET"]) as channel:
        call = channel.unary_unary(f"/runtime.v1.RuntimeService/{method}")
        return call(request, timeout=180)


# --- pods -------------------------------------------------------------------------------------

def namespaces():
    return field(1, NODE) + field(2, 0) + field(3, 0)  # network, pid, ipc


def pod(namespace, name, uid, cgroup, labels):
    metadata = field(1, name) + field(2, uid) + field(3, namespace)
    labels |= {"io.kubernetes.pod.name": name, "io.kubernetes.pod.namespace": namespace,
               "io.kubernetes.pod.uid": uid}
    linux = field(1, cgroup) + field(2, field(1, namespaces()))
    return field(1, metadata) + field(6, labels) + field(8, linux)


def sandbox(namespace, name, uid, cgroup, *labels):
    labels = dict(pair.split("=", 1) for pair in labels)
    os.makedirs("/sys/fs/cgroup" + cgroup, exist_ok=True)
    print(first_text(ask("RunPodSandbox", field(1, pod(namespace, name, uid, cgroup, labels)))))


def container(of, name, image, uid, cgroup, mounts, *command):
    labels = {"io.kubernetes.container.name": name, "io.kubernetes.pod.name": "pod",
              "io.kubernetes.pod.namespace": "space", "io.kubernetes.pod.uid": uid}
    config = field(1, field(1, name)) + field(2, field(1, image)) + field(3, list(command))
    config += field(7, [field(1, p) + field(2, p) for p in mounts.split(":")]) + field(9, labels)
    config += field(15, field(2, field(3, namespaces())))
    config_of_pod = pod("space", "pod", uid, cgroup, {})
    made = first_text(ask("CreateContainer", field(1, of) + field(2, config) + field(3, config_of_pod)))
    ask("StartContainer", field(1, made))
    print(made)


def kill(what):
    for method in ("StopContainer", "RemoveContainer", "StopPodSandbox", "RemovePodSandbox"):
        try:
            ask(method, field(1, what))
        except Exception as error:  # it is of the other kind
            if "not found" not in str(error):
                raise


# --- an image ---------------------------------------------------------------------------------

def image(folder, ref, path):
    blobs = {}

    def blob(kind, data):
        digest = hashlib.sha256(data).hexdigest()
        blobs["blobs/sha256/" + digest] = data
        return {"mediaType": "application/vnd.oci.image." + kind, "digest": "sha256:" + digest, "size": len(data)}

    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        tar.add(folder, arcname=".")
    layer = blob("layer.v1.tar", layer.getvalue())
    config = blob("config.v1+json", json.dumps({
        "architecture": {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine], "os": "linux",
        "config": {"Entrypoint": ["/busybox", "sleep", "100000"]},
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]}}).encode())
    manifest = blob("manifest.v1+json", json.dumps({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config,
        "layers": [layer]}).encode())
    manifest["annotations"] = {"io.containerd.image.name": ref}
    blobs["index.json"] = json.dumps({"schemaVersion": 2, "manifests": [manifest]}).encode()
    blobs["oci-layout"] = b'{"imageLayoutVersion": "1.0.0"}'
    with tarfile.open(path, "w") as tar:
        for name, data in blobs.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


if __name__ == "__main__":
    {"image": image, "sandbox": sandbox, "container": container, "kill": kill}[sys.argv[1]](*sys.argv[2:])
