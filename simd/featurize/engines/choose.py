"""Which engine runs the backbone, on what, and why.

A GPU is looked for without TensorFlow, by the driver's files, so that a machine without one never imports it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from simd.errors import ConfigError, ModelError
from simd.featurize.engines.base import Engine
from simd.featurize.engines.child import ChildEngine
from simd.featurize.engines.openvino import OpenVinoEngine
from simd.featurize.models import Model

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DeviceChoice:
    """Where indexing computes: `device` "cpu" or "gpu", the `engine`'s name, and the `reason`, for `status`."""

    device: str
    engine: str
    reason: str


@dataclass(frozen=True, slots=True)
class OpenedEngine:
    """An engine, and why it is this one."""

    engine: Engine
    choice: DeviceChoice


def choose(device: str, system: Path = Path("/")) -> DeviceChoice:
    """Decide by what the machine has.

    Args:
        device: the setting: "auto", "cpu" or "gpu".
        system: the root of the filesystem that is looked at.

    Raises:
        ConfigError: "gpu", and there is none.
    """
    if device == "cpu":
        return DeviceChoice("cpu", "openvino", "cpu: the setting `device` says so")
    found = _nvidia_device(system)
    if found is not None:
        return DeviceChoice("gpu", "tensorflow", f"gpu: {found}")
    if device == "gpu":
        raise ConfigError(
            "the setting `device` is gpu, but no NVIDIA device was found",
            field="device",
            remedy="install the driver and let this process see /dev/nvidia*, or set `device` to auto or cpu",
        )
    return DeviceChoice("cpu", "openvino", "cpu: no NVIDIA device found")


def open_engine(model: Model, device: str, *, threads: int, system: Path = Path("/")) -> OpenedEngine:
    """The engine for indexing, ready to run. With "auto", a GPU that does not work is said and the CPU taken.

    Raises:
        ConfigError: "gpu", and there is none.
        ModelError: the model does not load.
    """
    choice = choose(device, system)
    if choice.device == "gpu":
        engine = ChildEngine(model, device="gpu")
        try:
            engine.start()
        except ModelError as error:
            engine.close()
            if device == "gpu":
                raise
            choice = DeviceChoice("cpu", "openvino", f"cpu: the GPU cannot be used: {error}")
            _log.warning("%s", choice.reason)
        else:
            return OpenedEngine(engine, choice)
    return OpenedEngine(OpenVinoEngine(model, threads=threads, throughput=True), choice)


def _nvidia_device(system: Path) -> str | None:
    """A device node or driver entry of an NVIDIA GPU, as text, or None."""
    for pattern in ("dev/nvidia[0-9]*", "proc/driver/nvidia/gpus/*"):
        for path in sorted(system.glob(pattern)):
            return f"/{path.relative_to(system)}"
    return None
