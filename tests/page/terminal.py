# SPDX-License-Identifier: Apache-2.0
"""terminal.py COLUMNSxLINES SCRIPT COMMAND...: runs COMMAND on a terminal of that size, as over
ssh, and prints what is on its screen.

SCRIPT is a list of steps with ";" between: "wait:TEXT" until the screen holds TEXT, "gone:TEXT" until
it does not, "key:KEYS", "size:COLUMNSxLINES", "signal:NAME" to COMMAND, "kill:PID", "show" prints the screen, "end" waits for
COMMAND and prints its status. A step that does not come true in PATIENCE_S ends all with status 1."""

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

import pyte

PATIENCE_S = 180  # long enough for a busy machine


def size(text):
    columns, lines = text.split("x")
    return int(columns), int(lines)


class Terminal:
    def __init__(self, columns, lines, command):
        self.screen = pyte.Screen(columns, lines)
        self.stream = pyte.ByteStream(self.screen)
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ["TERM"] = "xterm-256color"
            os.environ["LC_ALL"] = "C.UTF-8"
            # The size must be set before the command reads it.
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
            os.execvp(command[0], command)
        self.status = None

    def read(self):
        ready, _, _ = select.select([self.fd], [], [], 0.1)
        if not ready:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            return False
        self.stream.feed(data)
        return bool(data)

    def text(self):
        return "\n".join(line.rstrip() for line in self.screen.display)

    def until(self, true):
        deadline = time.monotonic() + PATIENCE_S
        while not true():
            if time.monotonic() > deadline or not self.read():
                return true()
        return True

    def settle(self):
        """Waits until nothing more is drawn: there is nothing to read, and COMMAND is idle, not merely
        delayed by other processes."""
        while True:
            ready = select.select([self.fd], [], [], 0.1)[0]
            if ready and not self.read():
                return
            if not ready and self.is_idle():
                return

    def is_idle(self):
        """Whether COMMAND waits for something or has ended."""
        try:
            with open(f"/proc/{self.pid}/stat") as stat:
                return stat.read().rpartition(")")[2].split()[0] in "SZ"
        except OSError:
            return True

    def resize(self, columns, lines):
        self.screen.resize(lines, columns)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def end(self):
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            self.read()
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.settle()  # its last output may still be on its way
                print("status", os.waitstatus_to_exitcode(status))
                # The cursor is shown again: the terminal is as it was.
                print("cursor", "hidden" if self.screen.cursor.hidden else "shown")
                return True
        return False


def main(arguments):
    terminal = Terminal(*size(arguments[0]), arguments[2:])
    for step in filter(None, (s.strip() for s in arguments[1].split(";"))):
        verb, _, what = step.partition(":")
        done = True
        if verb == "wait":
            done = terminal.until(lambda: what in terminal.text())
        elif verb == "gone":
            done = terminal.until(lambda: what not in terminal.text())
        elif verb == "key":
            os.write(terminal.fd, what.encode().decode("unicode_escape").encode())
        elif verb == "size":
            terminal.resize(*size(what))
        elif verb == "signal":
            os.kill(terminal.pid, getattr(signal, what))
        elif verb == "kill":
            os.kill(int(what), signal.SIGKILL)
        elif verb == "show":
            terminal.settle()
            print(terminal.text())
        elif verb == "end":
            done = terminal.end()
        if not done:
            print(terminal.text())
            print(f"terminal: '{step}' did not come true", file=sys.stderr)
            os.kill(terminal.pid, signal.SIGKILL)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
