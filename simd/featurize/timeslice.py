"""How long a thread keeps the CPU before another of its kind gets it.

Decoding and the backbone share the cores, and whoever gets one finds the caches full of the other's data. By the
kernel's own slices, 1.4 ms on two cores, that took 5 % of the CPU time of indexing. Linux 6.12 and newer let a thread
ask for longer ones (`sched_runtime` in sched_setattr(2)); older ones do not mind being asked.
"""

from __future__ import annotations

import ctypes
import os
import struct

_SYS_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}
_KEEP_POLICY = 0x08
_ATTRIBUTES = struct.Struct("=IIQiIQQQ")
"""`struct sched_attr`: size, policy, flags, niceness, priority, runtime, deadline, period."""


def lengthen(thread: int, slice_ns: int) -> None:
    """Ask for slices of so many nanoseconds for a thread. A kernel or a sandbox that refuses changes nothing.

    Args:
        thread: its native id; 0 is the calling one.
        slice_ns: up to 100 ms.

    Raises:
        ProcessLookupError: there is no such thread.
    """
    number = _SYS_SCHED_SETATTR.get(os.uname().machine)
    if number is None:
        return
    niceness = os.getpriority(os.PRIO_PROCESS, thread)
    attributes = _ATTRIBUTES.pack(_ATTRIBUTES.size, 0, _KEEP_POLICY, niceness, 0, slice_ns, 0, 0)
    ctypes.CDLL(None).syscall(ctypes.c_long(number), ctypes.c_long(thread), attributes, ctypes.c_long(0))
