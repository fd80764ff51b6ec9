"""The state directory: where the indexes are, and which one answers searches.

    <state>/index/<16 hex digits>/   the index of the model whose fingerprint begins so
    <state>/serving.json             the model whose index answers: sealed JSON, replaced in one step

A model that is configured and is not the one that answers is its successor: its index is built, the mark is replaced,
and only then is the old index removed. An index is renamed before it is removed, so a crash leaves it whole or names it
as one to be removed; and what is neither marked nor configured is left over from a switch that was called off.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass, fields
from itertools import count
from pathlib import Path

from simd import __version__
from simd.durable import Disk
from simd.errors import ConfigError, CorruptStore, SimdError, StoreError, StoreVersion
from simd.featurize.models.model import Model
from simd.index.repair import REPAIRED, REPAIRING
from simd.storage.files import seal, unseal
from simd.watch.filesystems import filesystem_of, sends_events

log = logging.getLogger(__name__)

_REMOVED = ".removed"
_NAME = re.compile(rf"[0-9a-f]{{16}}({'|'.join(map(re.escape, (_REMOVED, REPAIRING, REPAIRED)))})?")


@dataclass(frozen=True, slots=True)
class Mark:
    """Which model's index answers: the setting that named it and its fingerprint (hex).

    While a switch is under way: the successor's fingerprint, and since when, in milliseconds since the epoch.
    """

    model: str
    fingerprint: str
    successor: str = ""
    since_ms: int = 0


@dataclass(frozen=True, slots=True)
class ModelSelection:
    """The models to open: the one whose index answers searches, and the one that is to take its place.

    Attributes:
        keep: the fingerprints of all indexes that are in use or may be again.
        serving: the configured one, unless a switch to that is under way and the old one can still be loaded.
        successor: the configured one, where it is not the serving one.
        replaces: during a switch, the name of the model that is to be replaced; else empty.
        detail: why the old one cannot be loaded.
        since_ms: when the switch began.
    """

    keep: tuple[str, ...]
    serving: Model
    successor: Model | None = None
    replaces: str = ""
    detail: str = ""
    since_ms: int = 0

    @property
    def models(self) -> list[Model]:
        """All of them, the serving one first."""
        return [self.serving] if self.successor is None else [self.serving, self.successor]


class Indexes:
    """The directories of one state directory, whose lock the caller holds.

    Args:
        state_dir: it exists.
        clock: seconds since the epoch.
    """

    def __init__(self, state_dir: Path, disk: Disk | None = None, clock: Callable[[], float] = time.time) -> None:
        self._top = state_dir / "index"
        self._marker = state_dir / "serving.json"
        self._disk = disk or Disk()
        self._clock = clock

    def directory(self, fingerprint: str) -> Path:
        """Where a model's index is, whether it was made yet or not."""
        return self._top / fingerprint[:16]

    def mark(self) -> Mark | None:
        """Which index answers; None before the first start.

        Raises:
            CorruptStore: the file is damaged.
            StoreVersion: a later version wrote it.
        """
        if not self._marker.exists():
            return None
        content = unseal(self._marker)
        known = {field.name for field in fields(Mark)}
        if unknown := sorted(content.keys() - known):
            raise StoreVersion(
                f"{self._marker} was written by a later simd than {__version__}: this one does not know {unknown}",
                remedy="use the simd that wrote it",
            )
        try:
            return Mark(**content)
        except TypeError as error:
            raise CorruptStore(self._marker, 0, f"a field is missing ({error})") from error

    def forget_mark(self) -> Path:
        """Give a damaged mark another name, which is returned: the next start marks the configured model."""
        asides = (self._marker.with_name(f"{self._marker.name}.damaged-{n}") for n in count(1))
        aside = next(path for path in asides if not path.exists())
        self._disk.rename(self._marker, aside)
        return aside

    def in_use(self) -> list[Path]:
        """The indexes that the mark names; all that there are, where it is missing or cannot be read."""
        try:
            mark = self.mark()
        except StoreError:
            mark = None
        if mark is not None:
            return [self.directory(name) for name in (mark.fingerprint, mark.successor) if name]
        names = (path.name.removesuffix(REPAIRED) for path in self._top.glob("*") if _NAME.fullmatch(path.name))
        return [self._top / name for name in sorted(set(names)) if "." not in name]

    def serve(self, setting: str, fingerprint: str) -> None:
        """From now on this model's index answers, and no switch is under way; durable on return.

        Raises:
            StoreError: it cannot be written; nothing has changed.
        """
        self._write(Mark(_absolute(setting), fingerprint))

    def select_models(self, setting: str, configured: Model, resolve: Callable[[str], Model]) -> ModelSelection:
        """Decide which models to open, and mark it.

        Args:
            setting: how the configuration names the model.
            configured: what it names.
            resolve: finds the model of another setting.
        """
        mark = self.mark()
        wanted = configured.fingerprint.hex()
        if mark is None or mark.fingerprint == wanted:
            if mark != Mark(_absolute(setting), wanted):
                self.serve(setting, wanted)
            return ModelSelection((wanted,), configured)
        if mark.successor != wanted:
            mark = Mark(mark.model, mark.fingerprint, wanted, int(self._clock() * 1000))
            self._write(mark)
        try:
            old = resolve(mark.model)
        except SimdError as error:
            return self._without(mark, configured, str(error))
        if old.fingerprint.hex() != mark.fingerprint:
            return self._without(mark, configured, "it is another one now than the one that made the index")
        names = (old.spec.name, configured.spec.name)
        log.info("switching from the model %s to %s; the index of the former answers until that of the latter is whole",
                 *names)  # fmt: skip
        return ModelSelection((mark.fingerprint, wanted), old, configured, old.spec.name, since_ms=mark.since_ms)

    def sweep(self, keep: Collection[str]) -> None:
        """Remove the indexes of all models but these (fingerprints), also those that a crash kept from being removed.

        What a repair has set aside stays: that is for a person to remove. So does the repaired index of a model that is
        in use: opening the index may have to put it in place.
        """
        kept = {fingerprint[:16] + suffix for fingerprint in keep for suffix in ("", REPAIRED)}
        for path in sorted(self._top.glob("*")):
            if not _NAME.fullmatch(path.name) or path.name in kept:
                continue
            log.info("removing the index %s: it is of no use any more", path.name)
            if not path.suffix:
                path = self._set_aside(path)
            self._disk.remove(path)

    def _set_aside(self, path: Path) -> Path:
        target = path.with_name(path.name + _REMOVED)
        if target.exists():
            self._disk.remove(target)
        self._disk.rename(path, target)
        self._disk.failpoint("indexes.set_aside")
        return target

    def _without(self, mark: Mark, configured: Model, why: str) -> ModelSelection:
        detail = (
            f"the model {mark.model}, which made the index that answered so far, cannot be used ({why}): "
            "answers are incomplete until the new index is whole"
        )
        log.error("%s", detail)
        return ModelSelection((mark.fingerprint, mark.successor), configured, None, mark.model, detail, mark.since_ms)

    def _write(self, mark: Mark) -> None:
        self._disk.replace(self._marker, seal(asdict(mark)))


def prepare(path: Path) -> None:
    """Make the state directory, or say why it cannot be; one on a network filesystem is warned about.

    Raises:
        ConfigError: it cannot be made or written.
    """
    try:
        Disk().make_dir(path)
    except StoreError as error:
        raise ConfigError(
            f"cannot make the state directory {path}: {error}", field="state_dir", remedy="choose one with --state-dir"
        ) from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise ConfigError(
            f"the state directory {path} is not writable", field="state_dir", remedy="choose one with --state-dir"
        )
    kind = filesystem_of(os.fsencode(path))
    if not sends_events(kind):
        log.warning("%s is on the network filesystem %s, whose locks and syncs may fail; a local disk is safe",
                    path, kind.decode("ascii", "replace"))  # fmt: skip


def _absolute(setting: str) -> str:
    """A setting that is a path, whatever directory the daemon is started in."""
    return os.path.abspath(setting) if os.path.exists(setting) else setting
