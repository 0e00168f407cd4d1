# SPDX-License-Identifier: Apache-2.0
"""breakpoint.py PID FILE SYMBOL: says whether process PID has a breakpoint (0xCC) in its own copy of the
page where FILE, as it has mapped it, defines SYMBOL: "yes" or "no"."""
import os
import subprocess
import sys

pid, file, symbol = sys.argv[1:]
address = None
for line in subprocess.run(["readelf", "--wide", "--dyn-syms", file], capture_output=True, text=True,
                           check=True).stdout.splitlines():
    fields = line.split()
    if len(fields) >= 8 and fields[7].split("@")[0] == symbol and fields[6] != "UND":
        address = int(fields[1], 16)
offset = None
for line in subprocess.run(["readelf", "--wide", "--program-headers", file], capture_output=True, text=True,
                           check=True).stdout.splitlines():
    fields = line.split()
    if fields[:1] == ["LOAD"]:
        at, virtual, size = (int(fields[i], 16) for i in (1, 2, 4))
        if virtual <= address < virtual + size:
            offset = address - virtual + at
inode = os.stat(file).st_ino
for line in open(f"/proc/{pid}/maps"):
    fields = line.split()
    start, end = (int(x, 16) for x in fields[0].split("-"))
    begin = int(fields[2], 16)
    if int(fields[4]) == inode and begin <= offset < begin + end - start:
        with open(f"/proc/{pid}/mem", "rb") as memory:
            memory.seek(start + offset - begin)
            print("yes" if memory.read(1) == b"\xcc" else "no")
        break
else:
    sys.exit(f"process {pid} has not mapped {symbol} of {file}")
