"""Other programs that find copies in a folder, as they come, each in a virtual environment of its own.

Each is timed as a person would run it, start included, and says on its standard output what it found: groups of files,
or pairs. What does not install here is said and left out: so is imagededup's CNN, whose weights are downloaded when it
is first used.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.environments import environment

_TIMEOUT_S = 1800.0
"""Who takes longer for the folder is left out."""

# It would download a network's weights as soon as it is imported, which hashes do not need.
_IMAGEDEDUP = """
import json, sys
from torchvision import models
network = models.mobilenet_v3_small
models.mobilenet_v3_small = lambda weights: network()
from imagededup.methods import PHash
found = PHash(verbose=False).find_duplicates(image_dir=sys.argv[1], recursive=True)
print(json.dumps([[one, other] for one, others in found.items() for other in others]))
"""
_CZKAWKA = """
import json, sys
from czkawka import ImageSimilarity
finder = ImageSimilarity()
finder.set_directories([sys.argv[1]])
finder.set_similarity(15)
print(json.dumps([[str(path) for path in group] for group in finder.find_similar()]))
"""
_PERCEPTION = """
import json, sys
from pathlib import Path
from perception.local_descriptor_deduplication import deduplicate
files = sorted(str(path) for path in Path(sys.argv[1]).rglob("*") if path.is_file())
print(json.dumps([[str(one), str(other)] for one, other, *_ in deduplicate(files, use_gpu=False)]))
"""


@dataclass(frozen=True, slots=True)
class Finder:
    """A program: what to install into a Python of which version, and the command that looks at a folder."""

    name: str
    venv: str
    python: str
    requirements: tuple[str, ...]
    command: tuple[str, ...]


FINDERS = (
    Finder(
        "imagededup, pHash", "imagededup-pairs", "3.11", ("imagededup==0.3.3",), ("bin/python", "-c", _IMAGEDEDUP)
    ),
    Finder("czkawka", "czkawka", "3.11", ("czkawka==0.1.2",), ("bin/python", "-c", _CZKAWKA)),
    Finder(
        "immaculate, pdq", "immaculate", "3.12", ("immaculate[sscd]==0.3.0",),
        ("bin/immaculate", "--json", "--method", "pdq"),
    ),
    Finder(
        "immaculate, sscd_distilled", "immaculate", "3.12", ("immaculate[sscd]==0.3.0",),
        ("bin/immaculate", "--json", "--method", "sscd_distilled"),
    ),
    Finder(
        "perception, SIFT", "perception", "3.11", ("Perception[approximate-deduplication]==0.9.3",),
        ("bin/python", "-W", "ignore", "-c", _PERCEPTION),
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Found:
    """What a program found: groups, of which pairs are the smallest; and what it took."""

    groups: list[list[Path]]
    seconds: float
    mib: float


def found_by(finder: Finder, folder: Path) -> Found | str:
    """What a program finds in a folder, or why it cannot be run."""
    try:
        venv = environment(finder.venv, finder.python, finder.requirements)
        began = time.perf_counter()
        text, mib = _run([str(venv / finder.command[0]), *finder.command[1:], str(folder)])
        return Found(list(_groups(_document(text), folder)), time.perf_counter() - began, mib)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        return str(error)


def _groups(said: list[list[str]] | dict[str, list[list[str]]], folder: Path) -> Iterable[list[Path]]:
    """Absolute paths; what is told as exact and what as near are both groups."""
    listed = [*said["exact"], *said["near"]] if isinstance(said, dict) else said
    for group in listed:
        yield [folder / path for path in group]


def _document(text: str) -> list[list[str]] | dict[str, list[list[str]]]:
    """The JSON at the end of what was said: some print other things first."""
    lines = text.splitlines()
    first = next((number for number, line in enumerate(lines) if line[:1] in ("[", "{")), len(lines))
    found: list[list[str]] | dict[str, list[list[str]]] = json.loads("\n".join(lines[first:]))
    return found


def _run(command: list[str]) -> tuple[str, float]:
    """What a command that must succeed says, and the memory of its process in MiB."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as said:
        child = subprocess.Popen(command, stdout=out, stderr=said)
        watch = threading.Timer(_TIMEOUT_S, child.kill)
        watch.start()
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        watch.cancel()
        out.seek(0)
        said.seek(0)
        if child.returncode != 0:
            lines = said.read().decode("utf-8", "replace").strip().splitlines() or ["it said nothing"]
            raise subprocess.SubprocessError(f"exit status {child.returncode}: {lines[-1]}")
        return out.read().decode(), used.ru_maxrss / 1024
