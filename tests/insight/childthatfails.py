"""In place of the process that lays a map out: writes something and ends, or is killed, or never ends."""

import os
import signal
import sys
import time
from pathlib import Path

HOW = os.environ.get("SIMD_TEST_CHILD", "")

if __name__ == "__main__":
    sys.stderr.write("something is wrong here\n")
    if HOW == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if HOW == "nothing":
        sys.exit(0)
    if HOW == "nonsense":
        Path(sys.argv[3], "points").write_bytes(b"\xff" * 8)
        sys.exit(0)
    if HOW == "wait":
        sys.stdout.write("375\n")
        sys.stdout.flush()
        time.sleep(600)
    sys.exit(3)
