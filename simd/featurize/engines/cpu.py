"""What the engines' libraries need of the CPU. Without it they die of an illegal instruction and say nothing."""

from __future__ import annotations

import platform
from pathlib import Path

from simd.errors import ModelError

_CPUINFO = Path("/proc/cpuinfo")
_NEEDS = {"tensorflow": ("avx",), "openvino": ("sse4_2",), "onnxruntime": ("sse4_1",)}
"""Instruction sets, as the kernel names them, that the published x86-64 builds were made with."""


def require(library: str, cpuinfo: Path = _CPUINFO, machine: str | None = None) -> None:
    """Refuse to import a library that this CPU cannot run.

    Args:
        library: the engine's name.
        cpuinfo: where the kernel describes the CPU.
        machine: its architecture; None asks the system.

    Raises:
        ModelError: the CPU lacks an instruction set.
    """
    if (machine or platform.machine()) not in ("x86_64", "AMD64"):
        return
    try:
        lines = cpuinfo.read_text().splitlines()
    except OSError:
        return
    flags = next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), None)
    missing = [need for need in _NEEDS[library] if flags is not None and need not in flags]
    if missing:
        raise ModelError(
            f"this CPU lacks {', '.join(missing)}, which {library} needs; importing it would kill the process "
            "with an illegal instruction",
            remedy="use another machine, or, in a virtual machine, give it the host's CPU model",
        )
