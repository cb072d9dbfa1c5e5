# SPDX-License-Identifier: Apache-2.0
"""Runs a command in a pseudo-terminal: terminal.py COLUMNS ROWS WHEN SEND COMMAND...

What the command writes goes to standard output as it is; the last line is "status N". When the text WHEN has been
written, SEND is sent once: keys, or a signal by its name, such as SIGTERM.
"""
import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

LIMIT = 60  # seconds

columns, rows = int(sys.argv[1]), int(sys.argv[2])
when, send, command = os.fsencode(sys.argv[3]), sys.argv[4], sys.argv[5:]

read_end, write_end = os.pipe()
pid, terminal = pty.fork()
if pid == 0:
    os.read(read_end, 1)  # until the terminal has its size
    os.execvp(command[0], command)
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
os.write(write_end, b"x")

written = b""
sent = send == ""
deadline = time.monotonic() + LIMIT
while True:
    ready, _, _ = select.select([terminal], [], [], max(deadline - time.monotonic(), 0))
    if not ready:
        os.kill(pid, signal.SIGKILL)
        break
    try:
        part = os.read(terminal, 65536)
    except OSError:
        break
    if not part:
        break
    written += part
    if not sent and when in written:
        sent = True
        if send.startswith("SIG"):
            os.kill(pid, getattr(signal, send))
        else:
            os.write(terminal, send.encode())

status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
sys.stdout.buffer.write(written + b"\nstatus %d\n" % status)
