"""The soak: a folder is used at random while the daemon on it is killed again and again; in the end all must agree.

Half of the files are indexed before, and as many operations as files follow, evenly over the time. In the end the
catalogue must name exactly the files on the disk with their contents, searches must find what is there and nothing
that is gone, the index must be sound, and no content may have gone through the backbone twice, but for a batch a kill.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from simctl import Client

from simd.types import ImageId, image_id_of
from tests.e2e.churn import Churn
from tests.e2e.daemon import MODELS, Daemon, run_simd

_BATCH = 16
_SAMPLE = 200
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Plan:
    """What a soak does."""

    seconds: float
    files: int
    kill_every_s: float
    seed: int = 0


@dataclass(slots=True)
class Verdict:
    """What a soak found: numbers to print, and every sentence that should not be there."""

    figures: dict[str, float] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def differ(self, what: str, paths: set[bytes]) -> None:
        """Note paths that should not be in a set."""
        if paths:
            shown = ", ".join(repr(os.fsdecode(path)) for path in sorted(paths)[:_SHOWN])
            self.problems.append(f"{len(paths)} {what}: {shown}")


def soak(daemon: Daemon, plan: Plan) -> Verdict:
    """Run one; the daemon must not be started yet, and is stopped in the end."""
    parked = daemon.work / "parked"
    parked.mkdir()
    churn = Churn(daemon.root, parked, plan.seed)
    for _ in range(plan.files // 2):
        churn.create()
    verdict = Verdict()
    worker = threading.Thread(target=_use, args=(churn, plan, verdict))
    daemon.start()
    with Client(daemon.address) as client:
        client.wait(_patience(plan))
    worker.start()
    kills = 0
    while _alive(worker, plan.kill_every_s):
        daemon.stop(signal.SIGKILL)
        kills += 1
        daemon.start()
    began = time.monotonic()
    with Client(daemon.address) as client:
        settled = client.wait(_patience(plan))
        if not settled.settled:
            verdict.problems.append(f"{settled.pending} files are still pending")
        verdict.figures = {"kills": kills, "settled_after_s": time.monotonic() - began, "contents": len(churn.written)}
        _compare(daemon, client, churn, verdict)
    _inspect(daemon, kills, verdict)
    return verdict


def _patience(plan: Plan) -> float:
    """Seconds that indexing may take."""
    return 60.0 + plan.files / 10


def _use(churn: Churn, plan: Plan, verdict: Verdict) -> None:
    """Spread the operations over the time."""
    began = time.monotonic()
    try:
        for number in range(plan.files):
            ahead = began + plan.seconds * number / plan.files - time.monotonic()
            if ahead > 0:
                time.sleep(ahead)
            churn.step()
    except OSError as error:
        verdict.problems.append(f"the soak itself failed: {error!r}")


def _alive(worker: threading.Thread, seconds: float) -> bool:
    worker.join(seconds)
    return worker.is_alive()


def _compare(daemon: Daemon, client: Client, churn: Churn, verdict: Verdict) -> None:
    """Disk, catalogue and answers must agree."""
    disk = dict(_on_disk(os.fsencode(daemon.root)))
    known = _in_catalogue(daemon.state / "catalogue.sqlite")
    verdict.differ("files on the disk are not indexed", disk.keys() - known.keys())
    verdict.differ("files are indexed that are not on the disk", known.keys() - disk.keys())
    verdict.differ(
        "files are indexed as another content", {p for p in disk.keys() & known.keys() if disk[p] != known[p]}
    )
    status = client.status()
    images = set(disk.values())
    if (status.images, status.files, status.failed) != (len(images), len(disk), 0):
        verdict.problems.append(
            f"status says {status.images} images, {status.files} files, {status.failed} failed; "
            f"the disk holds {len(images)} in {len(disk)}"
        )
    verdict.figures |= {"files": len(disk), "images": len(images)}
    chance = random.Random(0)
    there = chance.sample(sorted(disk), min(_SAMPLE, len(disk)))
    verdict.differ("files are not found by their content", {p for p in there if not _finds(client, daemon.root, p)})
    gone = sorted(churn.written.keys() - images)
    for image_id in chance.sample(gone, min(_SAMPLE, len(gone))):
        matches = client.search(image=churn.picture(churn.written[image_id]), limit=3).matches
        if any(match.image_id == image_id.hex() for match in matches):
            verdict.problems.append(f"the image {image_id.hex()} is found, which no file holds any more")


def _finds(client: Client, root: Path, path: bytes) -> bool:
    """Whether a search with a file's bytes names the file."""
    absolute = os.path.join(os.fsencode(root), path)
    [first] = client.search(image=Path(os.fsdecode(absolute)).read_bytes(), limit=1).matches
    return os.fsdecode(absolute) in first.paths


def _inspect(daemon: Daemon, kills: int, verdict: Verdict) -> None:
    """The index must be sound, and no content embedded twice."""
    if (status := daemon.stop()) != 0:
        verdict.problems.append(f"the daemon ended with status {status}")
    checked = run_simd("check", "--state-dir", daemon.state, "--models-dir", MODELS, cwd=daemon.work)
    if checked.returncode != 0:
        verdict.problems.append(f"simd check: {checked.stdout}{checked.stderr}")
    embedded, allowed = daemon.embedded(), int(verdict.figures["contents"]) + kills * _BATCH
    verdict.figures["embedded"] = embedded
    if embedded > allowed:
        verdict.problems.append(f"{embedded} pictures were embedded, at most {allowed} should have been")
    log = daemon.log.read_text()
    if "Traceback" in log or " ERROR " in log:
        verdict.problems.append("the daemon's log holds errors")


def _on_disk(root: bytes) -> Iterator[tuple[bytes, ImageId]]:
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                yield os.path.relpath(path, root), image_id_of(file.read())


def _in_catalogue(path: Path) -> dict[bytes, ImageId]:
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    try:
        return {name: ImageId(image_id) for name, image_id in connection.execute("SELECT path, image_id FROM files")}
    finally:
        connection.close()
