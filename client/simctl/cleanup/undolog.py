"""The undo log: what a clean-up is about to do, written before it is done. JSON lines, version 1.

The first line is the header. A *step* line says all that is needed to take the step back, and is durable before the
step begins. Then one of: `done`; `failed`, after which nothing is left of the step; and, once it is taken back,
`undo` before and `undone` after. A step with none of them was interrupted, and its state is read from the disk.

Crash note: only the last line can be torn, and then its step was not begun, or its outcome is read from the disk.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from types import TracebackType
from typing import Any, Self

from simctl.cleanup.disk import Disk
from simctl.cleanup.planfile import now
from simctl.cleanup.stamp import Stamp
from simctl.errors import EXIT_USAGE, SimctlError
from simctl.output import json_path

VERSION = 1
_PATHS = ("path", "to", "source", "info")


@dataclass(frozen=True, slots=True)
class Step:
    """The smallest change that is made or taken back as one.

    Args:
        number: in its log, from 1.
        do: "trash", "move", "hardlink", "reflink", "copy", "mkdir" or "labels".
        path: what changes: the file that goes or is replaced, the copy or the folder that is made.
        to: where a file goes.
        source: of a copy, or the file that stays and is linked to.
        info: the trash's note about the file.
        text: what that note holds.
        stamp: of the file at `path` before the step; of a copy, that of its source.
        image_id: whose labels.
        labels: that it lacked.
        temporary: the name that the step uses on the way, in the folder where it writes.
        group: the group_id.
    """

    number: int
    do: str
    path: str = ""
    to: str = ""
    source: str = ""
    info: str = ""
    text: str = ""
    stamp: Stamp | None = None
    image_id: str = ""
    labels: tuple[str, ...] = ()
    temporary: str = ""
    group: str = ""


@dataclass(slots=True)
class Logged:
    """What the log has of a step.

    Args:
        step: what it is.
        outcome: "" while it is open, "done", "failed", "undo" while it is being taken back, or "undone".
        beside: where the file goes on being taken back, if not to its own path.
    """

    step: Step
    outcome: str = ""
    beside: str = ""


@dataclass(slots=True)
class _Content:
    name: str = ""
    entries: dict[int, Logged] = field(default_factory=dict)


class UndoLog:
    """A log that is open, and locked against others until it is closed. It is a context manager.

    Args:
        path: of the file.
        disk: writes it.
        plan: the plan whose log is made if there is none: its absolute path, or - for stdin. None means that the log
            must be there.
        planned: when that plan was written, as it says.
        name: what temporary names of its steps have in common; unlike that of any other log.

    Raises:
        SimctlError: it is not there, damaged, of another version, in use, or cannot be written.
    """

    def __init__(self, path: str, disk: Disk, *, plan: str | None = None, planned: str = "", name: str = "") -> None:
        self.path = os.path.abspath(path)
        self._disk = disk
        flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | (os.O_CREAT if plan is not None else 0)
        try:
            self._fd = os.open(self.path, flags, 0o600)
        except OSError as error:
            raise SimctlError(f"cannot open the undo log {path}: {error.strerror}", exit_code=EXIT_USAGE) from error
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._content = self._read(plan, planned, name)
        except BlockingIOError:
            os.close(self._fd)
            raise SimctlError(f"another simctl is at work with {path}; wait for its end") from None
        except BaseException:
            os.close(self._fd)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        os.close(self._fd)

    def entries(self) -> Iterator[Logged]:
        """All steps in the order in which they were begun."""
        yield from list(self._content.entries.values())

    def next_number(self) -> int:
        """The number of the next step."""
        return max(self._content.entries, default=0) + 1

    def temporary(self, number: int) -> str:
        """The name that a step may use on its way."""
        return f".simd-{self._content.name}-{number}"

    def begin(self, step: Step) -> None:
        """Say what will be done; durable."""
        self._append(_document(step))
        self._sync()
        self._content.entries[step.number] = Logged(step)

    def begin_undo(self, number: int, beside: str) -> None:
        """Say that a step will be taken back, and to where; durable."""
        self._append({"step": number, "undo": True, **(json_path(beside, "beside") if beside else {})})
        self._sync()
        self._content.entries[number].outcome = "undo"
        self._content.entries[number].beside = beside

    def end(self, number: int, outcome: str, why: str = "") -> None:
        """Say what became of a step: "done", "failed" or "undone". It is durable with the next step, or `sync`."""
        self._append({"step": number, outcome: True, **({"why": why} if why else {})})
        self._content.entries[number].outcome = outcome

    def sync(self) -> None:
        """Make all of it durable."""
        self._sync()

    def _append(self, document: Mapping[str, object]) -> None:
        try:
            self._disk.append(self._fd, json.dumps(document).encode() + b"\n")
        except OSError as error:
            raise self._unwritable(error) from error

    def _sync(self) -> None:
        try:
            self._disk.sync(self._fd)
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> SimctlError:
        return SimctlError(
            f"cannot write the undo log {self.path}: {error.strerror}; nothing more was done, and what was done before "
            "can be taken back with `simctl undo`, or gone on with, once there is room"
        )

    def _read(self, plan: str | None, planned: str, name: str) -> _Content:
        with open(self._fd, "rb", closefd=False) as stream:
            raw = stream.read()
        lines = raw.split(b"\n")
        torn = lines.pop()
        if torn:
            # The line was never durable, so what it says was not begun.
            os.ftruncate(self._fd, len(raw) - len(torn))
        if not lines:
            # A run that was ended this early has done nothing.
            return _Content() if plan is None else self._made(plan, planned, name)
        content = self._header(lines[0])
        for number, line in enumerate(lines[1:], 2):
            try:
                _take(json.loads(line), content.entries)
            except (ValueError, KeyError, TypeError) as error:
                raise SimctlError(
                    f"{self.path} is damaged in line {number}; put a backup of it back, or delete that line if you "
                    "know what it was about",
                    exit_code=EXIT_USAGE,
                ) from error
        return content

    def _made(self, plan: str, planned: str, name: str) -> _Content:
        self._append(
            {"simd_undo": VERSION, "created": now(), "name": name, **json_path(plan, "plan"), "planned": planned}
        )
        self._sync()
        try:
            self._disk.sync_dir(os.path.dirname(self.path))
        except OSError as error:
            raise self._unwritable(error) from error
        return _Content(name)

    def _header(self, line: bytes) -> _Content:
        try:
            document = json.loads(line)
            version = document["simd_undo"]
            content = _Content(str(document["name"]))
        except (ValueError, KeyError, TypeError):
            raise SimctlError(f"{self.path} is no undo log of simctl", exit_code=EXIT_USAGE) from None
        if version != VERSION:
            raise SimctlError(
                f"{self.path} is an undo log of version {version}, and this simctl knows version {VERSION}; use the "
                "simctl that wrote it",
                exit_code=EXIT_USAGE,
            )
        return content


def planned_of(path: str) -> str | None:
    """When the plan of a log was written; None if it is no log, or one of which nothing was begun."""
    try:
        with open(path, "rb") as stream:
            return str(json.loads(stream.readline())["planned"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _document(step: Step) -> dict[str, object]:
    found: dict[str, object] = {"step": step.number, "do": step.do}
    for name in _PATHS:
        if value := getattr(step, name):
            found.update(json_path(value, name))
    for name in ("group", "text", "image_id", "temporary"):
        if value := getattr(step, name):
            found[name] = value
    if step.labels:
        found["labels"] = list(step.labels)
    if step.stamp is not None:
        found["was"] = {one.name: getattr(step.stamp, one.name) for one in fields(Stamp)}
    return found


def _take(document: dict[str, Any], entries: dict[int, Logged]) -> None:
    """Bring the entries up to a line of the log."""
    number = int(document["step"])
    if "do" in document:
        entries[number] = Logged(_step(document))
    elif "undo" in document:
        entries[number].outcome, entries[number].beside = "undo", _path(document, "beside")
    else:
        entries[number].outcome = next(name for name in ("done", "failed", "undone") if document.get(name))


def _step(document: dict[str, Any]) -> Step:
    was = document.get("was")
    return Step(
        number=int(document["step"]),
        do=str(document["do"]),
        stamp=None if was is None else Stamp(**was),
        labels=tuple(document.get("labels", ())),
        **{name: _path(document, name) for name in _PATHS},
        **{name: str(document.get(name, "")) for name in ("group", "text", "image_id", "temporary")},
    )


def _path(document: dict[str, Any], key: str) -> str:
    exact = document.get(f"{key}_base64")
    return str(document.get(key, "")) if exact is None else os.fsdecode(base64.b64decode(exact))
