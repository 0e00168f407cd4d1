# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# A container of runc's, made, ended and made anew under the same name, its cgroup at $BED_CGROUP/sender.

# container_needs: what the test cannot do without.
container_needs() {
  command -v runc >/dev/null || skip 'needs runc: scripts/bootstrap'
}

# container_bundle COMMAND...: what the container is and runs. Of the host it has the network, /usr, this tree and
# the bed, and a file system of its own for the rest.
container_bundle() {
  local files=$BED/bundle/root name
  mkdir -p "$files"/{etc,proc,dev,tmp,usr}
  for name in bin sbin lib lib64; do ln -s "usr/$name" "$files/$name"; done
  for name in passwd group hosts nsswitch.conf; do cp "/etc/$name" "$files/etc/"; done
  python3 - "${BED_CGROUP#"$(bed_cgroup_mount)"}/sender" "$ROOT" "$BED" "$@" >"$BED/bundle/config.json" <<'PYTHON'
import json, sys
cgroup, tree, bed, *command = sys.argv[1:]
mounts = [{"destination": "/proc", "type": "proc", "source": "proc"},
          {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["mode=755"]}]
mounts += [{"destination": path, "type": "bind", "source": path, "options": ["rbind", how]}
           for path, how in (("/usr", "ro"), (tree, "ro"), (bed, "rw"))]
print(json.dumps({
    "ociVersion": "1.0.2",
    "process": {"user": {"uid": 0, "gid": 0}, "args": command, "cwd": "/", "env": ["PATH=/usr/bin"]},
    "root": {"path": "root"},
    "mounts": mounts,
    "linux": {"cgroupsPath": cgroup,
              "namespaces": [{"type": kind} for kind in ("mount", "pid", "ipc", "uts", "cgroup")]},
}))
PYTHON
}

container_runc() {
  runc --root "$BED/runc" "$@"
}

# container_start: in the background; runc ends, and removes the container, when its command does.
container_start() {
  bed_spawn runc runc --root "$BED/runc" run --bundle "$BED/bundle" sender
}

# container_end SIGNAL: ends its command, and waits until nothing is left of the container but perhaps its cgroup.
container_end() {
  container_runc kill sender "$1"
  wait "$(bed_pid runc)" || true
}

# container_swap: the container is killed, and its cgroup is there anew before runc has begun another one.
container_swap() {
  container_runc kill sender KILL
  python3 - "$BED_CGROUP/sender" <<'PYTHON'
import os, sys, time
deadline = time.monotonic() + 180
while os.path.exists(sys.argv[1]):
    try:
        os.rmdir(sys.argv[1])
    except OSError:
        if time.monotonic() > deadline:
            raise
os.mkdir(sys.argv[1])
PYTHON
  wait "$(bed_pid runc)" || true
}

# container_fini: runc makes cgroups in hierarchies of version 1 as well, where these are mounted.
container_fini() {
  local dir
  for dir in /sys/fs/cgroup/*/"${BED_CGROUP##*/}"; do
    [[ $dir == "$BED_CGROUP" || ! -d $dir ]] || bed_end "$dir"
  done
}
