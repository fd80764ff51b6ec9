"""What of a group may go now: every file of it is looked at and read again, just before anything is done."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from simctl.cleanup.family import is_sidecar
from simctl.cleanup.plan import CarriedSidecar, Companion, Entry, PlannedGroup
from simctl.cleanup.stamp import Stamp, Unfit, digest_of, expected, look
from simctl.cleanup.undolog import Logged, Step

LINKS = ("hardlink", "reflink")
"""The ways that leave every name where it is."""


@dataclass(frozen=True, slots=True)
class Leaving:
    """A file that goes.

    Args:
        path: where it is.
        stamp: what it is.
        source: the file that stays with the same bytes, for links; else empty.
    """

    path: str
    stamp: Stamp
    source: str = ""


@dataclass(slots=True)
class Checked:
    """What may be done for a group.

    Args:
        problems: why nothing may be done for it, for a person.
        leaving: what goes, each picture before what goes with it.
        sidecars: what is to be carried over, with the stamps of their sources.
        left: why single files of it are left, for a person.
        already: how many files were dealt with by an earlier run.
        keeper: the first file that stays, and its stamp.
    """

    problems: list[str] = field(default_factory=list)
    leaving: list[Leaving] = field(default_factory=list)
    sidecars: list[tuple[CarriedSidecar, Stamp]] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    already: int = 0
    keeper: tuple[str, Stamp] | None = None


class Checker:
    """Looks at groups.

    Args:
        way: "trash", "move", "hardlink" or "reflink".
        logged: what earlier runs did, of the same undo log.
        is_stopped: asked before each file; True ends the looking there, and nothing must be done then.
    """

    def __init__(self, way: str, logged: Iterable[Logged], is_stopped: Callable[[], bool] = lambda: False) -> None:
        self._links = way in LINKS
        self._is_stopped = is_stopped
        self._done: dict[str, Step] = {one.step.path: one.step for one in logged if one.outcome == "done"}

    def check(self, group: PlannedGroup) -> Checked:
        """Read all files of a group."""
        return _Check(group, self._links, self._done, self._is_stopped).checked()


class _Check:
    """Looks at one group."""

    def __init__(
        self, group: PlannedGroup, links: bool, done: Mapping[str, Step], is_stopped: Callable[[], bool]
    ) -> None:
        self._group = group
        self._links = links
        self._done = done
        self._is_stopped = is_stopped
        self._found = Checked()
        self._names: dict[tuple[int, int], str] = {}
        self._real: dict[str, str] = {}

    def checked(self) -> Checked:
        """What may be done."""
        found = self._found
        for entry in self._group.stays:
            with self._noted():
                stamp = _expected(entry)
                self._names[stamp.device, stamp.inode] = entry.path
                found.keeper = found.keeper or (entry.path, stamp)
        safe = self._safe_digests()
        for entry in self._group.goes:
            if self._is_stopped():
                break
            with self._noted():
                goes = self._is_dealt_with(entry.path) or self._add(entry)
                # An interrupted run may have left what belongs to a picture that is gone.
                if goes and not self._links:
                    self._add_companions(entry, safe)
        if not self._links:
            self._add_sidecars()
        return found

    @contextmanager
    def _noted(self) -> Iterator[None]:
        try:
            yield
        except Unfit as error:
            self._found.problems.append(str(error))

    def _add(self, entry: Entry) -> bool:
        """Let a picture go; tells whether it does."""
        stamp = _expected(entry)
        real = os.path.realpath(entry.path)
        if twin := self._names.get((stamp.device, stamp.inode)) or self._real.get(real):
            self._found.left.append(
                f"{entry.path} is the same file as {twin}, by another name: nothing would be gained"
            )
            return False
        self._real[real] = entry.path
        source = ""
        if self._links:
            source = next((one.path for one in self._group.stays if one.image_id == entry.image_id), "")
            if not source:
                self._found.left.append(f"{entry.path} is left: no file that stays has the same bytes to be linked to")
                return False
        self._found.leaving.append(Leaving(entry.path, stamp, source))
        return True

    def _safe_digests(self) -> set[str]:
        """Of sidecars that are carried over, or that a picture that stays has."""
        carried = {one.source for one in self._group.sidecars}
        safe = {one.digest for entry in self._group.goes for one in entry.companions if one.path in carried}
        kept = [one for entry in self._group.stays for one in entry.companions]
        return safe | {one.digest for one in kept if _digest(one.path) == one.digest}

    def _add_companions(self, entry: Entry, safe: set[str]) -> None:
        """Let go what goes with a picture, but no sidecar whose bytes would be nowhere then."""
        for companion in entry.companions:
            if self._is_dealt_with(companion.path):
                continue
            if is_sidecar(companion.path) and companion.digest not in safe:
                self._found.left.append(
                    f"{companion.path} is left: the plan carries it nowhere, and no picture that stays has one like it"
                )
                continue
            self._found.leaving.append(Leaving(companion.path, _expected_companion(companion)))

    def _add_sidecars(self) -> None:
        """Have sidecars of what leaves copied, where they are not yet."""
        leaving = {one.path: one.stamp for one in self._found.leaving}
        for sidecar in self._group.sidecars:
            stamp = leaving.get(sidecar.source)
            if stamp is None:
                continue
            if not os.path.lexists(sidecar.to):
                self._found.sidecars.append((sidecar, stamp))
            elif _digest(sidecar.to) != stamp.digest:
                self._found.problems.append(
                    f"{sidecar.to} is there since the plan was made, so {sidecar.source} cannot be carried over to it"
                )

    def _is_dealt_with(self, path: str) -> bool:
        """Whether an earlier run dealt with a file, and it is still so."""
        step = self._done.get(path)
        if step is None or step.stamp is None:
            return False
        if step.do in LINKS:
            dealt = self._links and _is_linked(step, step.stamp)
        else:
            dealt = not os.path.lexists(path)
        self._found.already += dealt
        return dealt


def _is_linked(step: Step, was: Stamp) -> bool:
    try:
        now, source = look(step.path), look(step.source)
    except Unfit:
        return False
    if step.do == "hardlink":
        return (now.st_dev, now.st_ino) == (source.st_dev, source.st_ino)
    return (now.st_size, now.st_mtime_ns) == (was.size, was.mtime_ns) and now.st_ino != was.inode


def _expected(entry: Entry) -> Stamp:
    return expected(entry.path, size=entry.size, mtime_ns=entry.mtime_ns, digest=entry.image_id)


def _expected_companion(one: Companion) -> Stamp:
    return expected(one.path, size=one.size, mtime_ns=one.mtime_ns, digest=one.digest)


def _digest(path: str) -> str:
    try:
        look(path)
        return digest_of(path)
    except Unfit:
        return ""
