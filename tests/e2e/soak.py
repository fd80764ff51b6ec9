"""The soak: a folder is used at random while bad days befall the daemon on it; after each of them all must agree.

Half of the files are indexed before, and as many operations as files follow, evenly over the time. Again and again the
daemon is tried (`trials.py`); then, with the folder at rest, it must be at rest within half a minute, without a scan
that anybody asks for, and the catalogue must name exactly the files on the disk with their contents. In the end
searches must find what is there and nothing that is gone, the index must be sound, and no content may have gone through
the backbone twice, but for a batch a restart.
"""

from __future__ import annotations

import os
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from simctl import Client

from simd.types import ImageId, image_id_of
from tests.e2e.churn import Churn
from tests.e2e.daemon import MODELS, Daemon, run_simd
from tests.e2e.trials import Trials

_BATCH = 16
_SAMPLE = 200
_SHOWN = 10
_AT_REST_S = 30.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What a soak does: so many seconds, files, and seconds between two trials; without `trials` it is use alone."""

    seconds: float
    files: int
    trial_every_s: float
    seed: int = 0
    trials: bool = True


@dataclass(frozen=True, slots=True)
class Sample:
    """What the daemon takes at a moment: seconds since the beginning, MiB, descriptors, threads."""

    at_s: float
    rss_mib: float
    descriptors: int
    threads: int


@dataclass(slots=True)
class Verdict:
    """What a soak found: numbers to print, and every sentence that should not be there."""

    figures: dict[str, float] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def differ(self, what: str, paths: set[bytes]) -> None:
        """Note paths that should not be in a set."""
        if paths:
            shown = ", ".join(repr(os.fsdecode(path)) for path in sorted(paths)[:_SHOWN])
            self.problems.append(f"{len(paths)} {what}: {shown}")


def soak(daemon: Daemon, plan: Plan, say: Callable[[str], None] = lambda _: None) -> Verdict:
    """Run one; the daemon must not be started yet, and is stopped in the end. `say` is told how it goes."""
    return _Soak(daemon, plan, say).run()


class _Soak:
    """One soak."""

    def __init__(self, daemon: Daemon, plan: Plan, say: Callable[[str], None]) -> None:
        self._daemon = daemon
        self._plan = plan
        self._say = say
        self._verdict = Verdict()
        parked, disk, inbox = (daemon.work / name for name in ("parked", "disk", "inbox"))
        parked.mkdir()
        inbox.mkdir()
        daemon.root.rename(disk)
        daemon.root.symlink_to(disk)
        daemon.roots.append(inbox)
        self._churn = Churn(disk, parked, plan.seed)
        # Where nothing stays behind, an empty folder is taken for an unmounted disk.
        (inbox / "stays.jpg").write_bytes(self._churn.new_picture())
        self._trials = Trials(daemon, disk, self._churn, random.Random(plan.seed), self._compare)
        self._began = time.monotonic()

    def run(self) -> Verdict:
        """Run it."""
        for _ in range(self._plan.files // 2):
            self._churn.create()
        self._daemon.start()
        with Client(self._daemon.address) as client:
            client.wait(60.0 + self._plan.files / 10)
        self._began = time.monotonic()
        worker = threading.Thread(target=self._use)
        worker.start()
        trials = self._in_turn()
        while worker.is_alive():
            worker.join(self._plan.trial_every_s)
            if self._plan.trials:
                self._try(next(trials))
            self._sample()
        self._verdict.problems += self._trials.problems
        self._compare("in the end")
        self._search()
        self._inspect()
        return self._verdict

    def _use(self) -> None:
        """Spread the operations over the time."""
        try:
            for number in range(self._plan.files):
                ahead = self._began + self._plan.seconds * number / self._plan.files - time.monotonic()
                if ahead > 0:
                    time.sleep(ahead)
                self._churn.step()
        except OSError as error:
            self._verdict.problems.append(f"the soak itself failed: {error!r}")

    def _in_turn(self) -> Iterator[Callable[[], None]]:
        """Every trial equally often, in another order each time."""
        chance = random.Random(self._plan.seed)
        while True:
            yield from chance.sample(self._trials.all, len(self._trials.all))

    def _try(self, trial: Callable[[], None]) -> None:
        name = trial.__name__
        trial()
        with self._churn.held():
            took = self._compare(f"after {name}")
        self._say(f"{time.monotonic() - self._began:7.1f} s  {name}: at rest after {took:.1f} s")

    def _compare(self, when: str) -> float:
        """The daemon must be at rest and right soon. Returns the seconds until it was."""
        began = time.monotonic()
        with Client(self._daemon.address) as client:
            while (left := began + _AT_REST_S - time.monotonic()) > 0:
                client.wait(left)
                differences = self._differences(client)
                if not differences:
                    return time.monotonic() - began
                time.sleep(0.2)
        self._verdict.problems += [f"{difference} {when}" for difference in differences]
        return time.monotonic() - began

    def _differences(self, client: Client) -> list[str]:
        """Where disk, catalogue and status do not agree, or something is pending or failed."""
        disk, known, found = self._on_disk(), self._in_catalogue(), Verdict()
        found.differ("files on the disk are not indexed", disk.keys() - known.keys())
        found.differ("files are indexed that are not on the disk", known.keys() - disk.keys())
        other = {path for path in disk.keys() & known.keys() if disk[path] != known[path]}
        found.differ("files are indexed as another content", other)
        status, images = client.status(), len(set(disk.values()))
        told = [*status.problems, *(root.detail for root in status.roots if root.detail)]
        if (status.pending, status.failed, status.images, status.files, told) != (0, 0, images, len(disk), []):
            numbers = f"{status.pending} pending, {status.failed} failed, {status.images} images, {status.files} files"
            found.problems.append(f"status says {numbers}, {told}; the disk holds {images} images, {len(disk)} files")
        return found.problems

    def _sample(self) -> None:
        assert self._daemon.process is not None
        process = Path(f"/proc/{self._daemon.process.pid}")
        with suppress(FileNotFoundError):
            fields = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
            rss, threads = int(fields["VmRSS"].split()[0]) / 1024, int(fields["Threads"])
            count = len(os.listdir(process / "fd"))
            self._verdict.samples.append(Sample(time.monotonic() - self._began, rss, count, threads))

    def _search(self) -> None:
        """Searches must find what is there, and nothing that is gone."""
        disk, churn, chance = self._on_disk(), self._churn, random.Random(0)
        with Client(self._daemon.address) as client:
            there = chance.sample(sorted(disk), min(_SAMPLE, len(disk)))
            self._verdict.differ("files are not found by their content", {p for p in there if not _finds(client, p)})
            gone = sorted(churn.written.keys() - set(disk.values()))
            for image_id in chance.sample(gone, min(_SAMPLE, len(gone))):
                matches = client.search(image=churn.content(image_id), limit=3).matches
                if any(match.image_id == image_id.hex() for match in matches):
                    self._verdict.problems.append(f"the image {image_id.hex()} is found, which no file holds any more")

    def _inspect(self) -> None:
        """The index must be sound, and no content embedded twice."""
        daemon, verdict = self._daemon, self._verdict
        if (status := daemon.stop()) != 0:
            verdict.problems.append(f"the daemon ended with status {status}")
        checked = run_simd("check", "--state-dir", daemon.state, "--models-dir", MODELS, cwd=daemon.work)
        if checked.returncode != 0:
            verdict.problems.append(f"simd check: {checked.stdout}{checked.stderr}")
        embedded, contents, restarts = daemon.embedded(), len(self._churn.written), self._trials.restarts
        verdict.figures = {"restarts": restarts, "contents": contents, "embedded": embedded}
        if embedded > contents + restarts * _BATCH:
            verdict.problems.append(
                f"{embedded} pictures were embedded, at most {contents + restarts * _BATCH} should be"
            )
        log = daemon.log.read_text()
        if "Traceback" in log or (not self._plan.trials and " ERROR " in log):
            verdict.problems.append("the daemon's log holds errors that nobody thought of")

    def _on_disk(self) -> dict[bytes, ImageId]:
        """The pictures in the roots, by absolute path."""
        found: dict[bytes, ImageId] = {}
        for root in self._daemon.roots:
            for folder, _, names in os.walk(os.fsencode(root)):
                for name in names:
                    path = os.path.join(folder, name)
                    found[path] = image_id_of(Path(os.fsdecode(path)).read_bytes())
        return found

    def _in_catalogue(self) -> dict[bytes, ImageId]:
        connection = sqlite3.connect(f"{(self._daemon.state / 'catalogue.sqlite').as_uri()}?mode=ro", uri=True)
        try:
            query = "SELECT roots.path, files.path, image_id FROM files JOIN roots USING (root_id)"
            return {os.path.join(root, name): ImageId(image_id) for root, name, image_id in connection.execute(query)}
        finally:
            connection.close()


def _finds(client: Client, path: bytes) -> bool:
    """Whether a search with a file's bytes names the file."""
    [first] = client.search(image=Path(os.fsdecode(path)).read_bytes(), limit=1).matches
    return os.fsdecode(path) in first.paths
