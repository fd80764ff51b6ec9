"""Other programs that embed a folder of pictures, each in a virtual environment of its own under `.cache/venvs`.

What does not install here is said and left out. Both are timed as a person would run them, start included, and both
also compare the pictures with one another, which costs little for a few hundred.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.environments import environment

_RUN_TIMEOUT_S = 1200.0


@dataclass(frozen=True, slots=True)
class Rival:
    """A program: what to install into a Python of which version, and the command that looks at a folder."""

    name: str
    python: str
    requirements: tuple[str, ...]
    command: tuple[str, ...]


# Its network without its weights, which it would download: they do not change what a picture costs.
_IMAGEDEDUP = """
import sys
import torch
from imagededup.methods import CNN
from imagededup.utils import CustomModel
from torchvision.models import MobileNet_V3_Small_Weights, mobilenet_v3_small
network = torch.nn.Sequential(mobilenet_v3_small(weights=None).features, torch.nn.AdaptiveAvgPool2d(1))
transform = MobileNet_V3_Small_Weights.DEFAULT.transforms()
encoder = CNN(model_config=CustomModel(model=network, transform=transform, name="mobilenet_v3_small"))
encoder.encode_images(image_dir=sys.argv[1], recursive=True)
"""

RIVALS = (
    Rival(
        "immaculate, sscd_distilled",
        "3.12",
        ("immaculate[sscd]==0.3.0",),
        ("bin/immaculate", "--json", "--method", "sscd_distilled"),
    ),
    Rival(
        "imagededup, CNN",
        "3.11",
        ("imagededup==0.3.3",),
        ("bin/python", "-c", _IMAGEDEDUP),
    ),
)  # fmt: skip


def measure(rival: Rival, folder: Path) -> tuple[float, float] | str:
    """Seconds that a program takes for a folder and MiB of its largest process, or why it cannot be measured."""
    try:
        venv = environment(rival.name.split(",")[0], rival.python, rival.requirements)
        command = [str(venv / rival.command[0]), *rival.command[1:], str(folder)]
        began = time.perf_counter()
        memory = _run(command)
        return time.perf_counter() - began, memory
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)


def _run(command: Sequence[str]) -> float:
    """Run a command that must succeed; the memory of its process, MiB."""
    with tempfile.TemporaryFile() as said:
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said)
        watch = threading.Timer(_RUN_TIMEOUT_S, child.kill)
        watch.start()
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        watch.cancel()
        if child.returncode != 0:
            said.seek(0)
            lines = said.read().decode("utf-8", "replace").strip().splitlines() or ["it said nothing"]
            raise subprocess.SubprocessError(f"exit status {child.returncode}: {lines[-1]}")
        return used.ru_maxrss / 1024
