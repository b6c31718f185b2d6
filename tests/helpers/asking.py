"""A `python` that asks a process with imported packages to fork itself: `forked`.

python -ISE asking.py FOLDER ARGUMENTS
"""

import json
import os
import socket
import sys

_, folder, *arguments = sys.argv
if arguments[:1] != ["-m"]:
    os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606 (Python itself)
with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as asked:
    asked.connect(f"{folder}/socket")
    here = os.getcwd()  # noqa: PTH109 (pathlib would take longer than all else here)
    what = json.dumps([arguments, here, {**os.environ}])
    socket.send_fds(asked, [what.encode()], [0, 1, 2])
    status = int(asked.recv(64))
sys.exit(status if status >= 0 else 128 - status)  # as a shell says it of a signal
