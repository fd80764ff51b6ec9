"""Which engine runs the backbone, on what, and why.

A SavedModel is run by TensorFlow on a GPU and by OpenVINO on a CPU, or by TensorFlow where OpenVINO cannot read it; an
ONNX file by onnxruntime, on the CPU. A GPU is looked for without TensorFlow, by the driver's files, so that a machine
without one never imports it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from simd.errors import ConfigError, ModelError, NotNow
from simd.featurize.engines.base import DeviceChoice, Engine
from simd.featurize.engines.child import ChildEngine
from simd.featurize.engines.onnx import OnnxEngine
from simd.featurize.engines.openvino import OpenVinoEngine
from simd.featurize.models.spec import Model
from simd.featurize.priority import Priority, in_background

_log = logging.getLogger(__name__)

_MOST_AT_ONCE = 16
"""Queries in the backbone at once; each takes memory of its own."""


@dataclass(frozen=True, slots=True)
class OpenedEngine:
    """An engine, and why it is this one."""

    engine: Engine
    choice: DeviceChoice


def choose(device: str, system: Path = Path("/"), *, onnx: bool = False) -> DeviceChoice:
    """Decide by what the machine has.

    Args:
        device: the setting: "auto", "cpu" or "gpu".
        system: the root of the filesystem that is looked at.
        onnx: whether the model is an ONNX file.

    Raises:
        ConfigError: "gpu", and there is none, or the model cannot run on it.
    """
    engine = OnnxEngine.name if onnx else OpenVinoEngine.name
    if device == "cpu":
        return DeviceChoice("cpu", engine, "cpu: the setting `device` says so")
    if onnx and device == "gpu":
        raise ConfigError(
            "the setting `device` is gpu, but ONNX models run on the CPU only",
            field="device",
            remedy="use a SavedModel, or set `device` to auto or cpu",
        )
    found = _nvidia_device(system)
    if onnx and found is not None:
        return DeviceChoice("cpu", engine, f"cpu: ONNX models run on the CPU only, so {found} is not used")
    if found is not None:
        return DeviceChoice("gpu", ChildEngine.name, f"gpu: {found}")
    if device == "gpu":
        raise NotNow(
            "the setting `device` is gpu, but no NVIDIA device was found",
            field="device",
            remedy="install the driver and let this process see /dev/nvidia*, or set `device` to auto or cpu",
        )
    return DeviceChoice("cpu", engine, "cpu: no NVIDIA device found")


def open_engine(
    model: Model, device: str, *, threads: int, system: Path = Path("/"), priority: Priority = Priority.IDLE
) -> OpenedEngine:
    """The engine for indexing, ready to run. With "auto", a GPU that does not work is said and the CPU taken.

    On a CPU its threads step back for others, as far as `priority` says. Whoever needs an engine for queries as well
    opens that one first: threads that the runtime shares between engines then have the priority of queries.

    Raises:
        ConfigError: "gpu", and there is none, or the model cannot run on it.
        ModelError: the model does not load.
    """
    choice = choose(device, system, onnx=bool(model.spec.file))
    reason = choice.reason
    if choice.device == "gpu":
        gpu = ChildEngine(model, device="gpu")
        try:
            gpu.start()
        except ModelError as error:
            gpu.close()
            if device == "gpu":
                raise
            reason = f"cpu: the GPU cannot be used: {error}"
            _log.warning("%s", reason)
        else:
            return OpenedEngine(gpu, choice)
    engine = in_background(lambda: _on_cpu(model, threads=threads, throughput=True, priority=priority), priority)
    if engine.name == ChildEngine.name:
        reason += "; OpenVINO cannot run this model, so TensorFlow does"
    return OpenedEngine(engine, DeviceChoice("cpu", engine.name, reason))


@dataclass(frozen=True, slots=True)
class QueryEngines:
    """`alone` gives one picture all cores; `many` gives each a core, which takes less of them for all. They may be
    the same."""

    alone: Engine
    many: Engine


def open_query_engines(model: Model, *, threads: int) -> QueryEngines:
    """The engines for queries: on the CPU, always loaded.

    Raises:
        ModelError: the model does not load.
    """
    alone = _on_cpu(model, threads=threads, throughput=False)
    if threads == 1 or not isinstance(alone, OpenVinoEngine):
        return QueryEngines(alone, alone)
    return QueryEngines(alone, OpenVinoEngine(model, threads=min(threads, _MOST_AT_ONCE), throughput=True))


def _on_cpu(model: Model, *, threads: int, throughput: bool, priority: Priority = Priority.NORMAL) -> Engine:
    if model.spec.file:
        return OnnxEngine(model, threads=threads, throughput=throughput)
    try:
        return OpenVinoEngine(model, threads=threads, throughput=throughput)
    except ModelError as error:
        # A query must not wait for a process to start; indexing may.
        engine = ChildEngine(model, device="cpu", idle_s=60.0 if throughput else None, priority=priority)
        try:
            engine.start()
        except ModelError:
            engine.close()
            raise error from None
        _log.warning("%s; TensorFlow runs it, which takes more time and memory", error)
        return engine


def _nvidia_device(system: Path) -> str | None:
    """A device node or driver entry of an NVIDIA GPU, as text, or None."""
    for pattern in ("dev/nvidia[0-9]*", "proc/driver/nvidia/gpus/*"):
        for path in sorted(system.glob(pattern)):
            return f"/{path.relative_to(system)}"
    return None
