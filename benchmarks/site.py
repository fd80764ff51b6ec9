"""The page to measure: a daemon over a folder of pictures, and `simd web` before it, each in a process of its own."""

from __future__ import annotations

import http.client
import os
import random
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from simctl import Client
from simctl.errors import SimctlError

from benchmarks.daemon import BIN, MODELS, rss_mib, usage
from benchmarks.photographs import photographs
from benchmarks.pictures import files

PHOTOGRAPH = (3000, 2000)
_MOST_PIXELS = 20_000_000
"""A few of Debian's pictures have 168 million; one of them would be all that a run measures."""
_WITHIN_S = 3600.0


@dataclass(frozen=True, slots=True)
class Collection:
    """Pictures in a folder: photographs of a camera's size, and Debian's clip art and stamps."""

    root: Path
    photographs: Sequence[Path]
    drawings: Sequence[Path]

    def __len__(self) -> int:
        return len(self.photographs) + len(self.drawings)


class Page:
    """`simd web` in a process of its own.

    Args:
        address: of the daemon.
    """

    def __init__(self, address: str) -> None:
        self.port = free_port()
        self._command = [str(BIN / "simd"), "web", "--address", address, "--http", f"127.0.0.1:{self.port}"]
        self.process = subprocess.Popen(self._command)

    def restart(self) -> None:
        """Have it forget what it keeps in memory."""
        self.close()
        self.process = subprocess.Popen(self._command)
        _until(lambda: answers(self.port), "the page did not answer", self.process)

    def close(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(60)


@dataclass(frozen=True, slots=True)
class Site:
    """What runs: the page, the daemon's client, its process, the state directory."""

    page: Page
    client: Client
    daemon_pid: int
    state: Path

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def web_pid(self) -> int:
        """The page's process."""
        return self.page.process.pid

    @property
    def port(self) -> int:
        """Of the page."""
        return self.page.port

    def empty_cache(self) -> None:
        """Lose every thumbnail that was kept, on disk and in the page's memory; the daemon makes them again."""
        self.page.restart()
        for file in (self.state / "renditions").iterdir():
            file.unlink(missing_ok=True)

    @contextmanager
    def making(self, ids: Sequence[str], edge: int, per_s: float) -> Iterator[None]:
        """So many thumbnails are lost and asked of the daemon anew every second while the block runs, past the page,
        which keeps those that people asked for lately."""
        ended, chance = threading.Event(), random.Random(0)

        def make() -> None:
            while per_s and not ended.wait(1.0 / per_s):
                image_id = chance.choice(ids)
                for file in (self.state / "renditions").glob(f"{image_id}.thumbnail-{edge}-*"):
                    file.unlink(missing_ok=True)
                self.client.thumbnail(image_id, edge)

        thread = threading.Thread(target=make)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def ask(self, asked: Sequence[tuple[str, int]], callers: int) -> None:
        """Ask the daemon itself for all of these, image and edge."""
        with ThreadPoolExecutor(callers) as pool:
            for _ in pool.map(lambda one: self.client.thumbnail(*one), asked):
                pass

    def cpu_s(self) -> dict[str, float]:
        """CPU seconds that the daemon with its workers and the page's process have used."""
        return {"daemon": usage(self.daemon_pid).cpu_s, "web": usage(self.web_pid).cpu_s}

    def memory_mib(self) -> dict[str, float]:
        """Resident memory of the daemon and of the page's process; all of the daemon's, its workers included, with
        shared pages counted once."""
        return {
            "daemon_rss_mib": rss_mib(self.daemon_pid),
            "daemon_and_workers_mib": usage(self.daemon_pid).memory_mib,
            "web_rss_mib": rss_mib(self.web_pid),
        }


def collected(root: Path, count: int) -> Collection:
    """A folder with so many pictures, a quarter of them photographs; made if it is not there yet."""
    shots = _linked(root / "photographs", photographs(count // 4, PHOTOGRAPH))
    small = [path for package in ("tuxpaint-stamps-default", "openclipart-png") for path in files(package)]
    chosen = (path for path in small if _is_small(path))
    return Collection(root, shots, _linked(root / "drawings", [next(chosen) for _ in range(count - count // 4)]))


@contextmanager
def running(root: Path, state: Path, *more: str) -> Iterator[Site]:
    """The daemon and the page, once all of the folder is indexed."""
    address = f"unix:{state.parent}/s"
    daemon = subprocess.Popen(
        [
            str(BIN / "simd"), "serve", "--root", str(root), "--state-dir", str(state), "--listen", address,
            "--models-dir", str(MODELS), "--log-level", "warning", *more,
        ]
    )  # fmt: skip
    page = Page(address)
    try:
        with Client(address) as client:
            _until(lambda: _is_settled(client), "the folder was not indexed", daemon)
            _until(lambda: answers(page.port), "the page did not answer", daemon, page.process)
            yield Site(page, client, daemon.pid, state)
    finally:
        page.close()
        daemon.terminate()
        daemon.wait(60)


def answers(port: int) -> bool:
    """Whether something serves HTTP there."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status < 500
    except OSError:
        return False
    finally:
        connection.close()


def free_port() -> int:
    """One that nothing uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _until(is_true: Callable[[], bool], failure: str, *processes: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _WITHIN_S
    while not is_true():
        for process in processes:
            if process.poll() is not None:
                raise SystemExit(f"{process.args!r} ended with status {process.returncode}")
        if time.monotonic() > deadline:
            raise SystemExit(failure)
        time.sleep(0.05)


def _is_settled(client: Client) -> bool:
    with suppress(SimctlError):
        return client.wait(5.0).settled
    return False


def _is_small(path: Path) -> bool:
    with Image.open(path) as image:
        return image.width * image.height <= _MOST_PIXELS


def _linked(folder: Path, sources: Sequence[Path]) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    made = [folder / f"{number:05d}-{source.name}" for number, source in enumerate(sources)]
    for source, path in zip(sources, made, strict=True):
        if path.exists():
            continue
        try:
            os.link(source, path)
        except OSError:
            shutil.copy2(source, path)
    return made
