"""What people said of copies: that they are none, which of them is kept, that all are.

A decision is of images, so of content: it outlasts moves, renames and the catalogue, and images that are not known now
are kept in it.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from threading import Lock

from simd.errors import InvalidRequest
from simd.sqlite.database import Database
from simd.types import ImageId


class Kind(StrEnum):
    """What is said of images."""

    NOT_DUPLICATES = "not_duplicates"
    """No two of them are the same picture."""
    KEEP = "keep"
    """Each is the keeper of its group; what was said last counts."""
    KEEP_ALL = "keep_all"
    """They are copies, and all of them stay."""
    FORGET = "forget"
    """What was said that has one of them is taken back."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person said of some images.

    Attributes:
        kind: what.
        images: of which, sorted, none twice.
        decision_id: counts up; 0 if it was not kept yet.
        at_ms: when, in milliseconds since the epoch.
    """

    kind: Kind
    images: tuple[ImageId, ...]
    decision_id: int = 0
    at_ms: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether it has as many images as it needs: damage may have taken some."""
        return len(self.images) > (self.kind is Kind.NOT_DUPLICATES)

    @classmethod
    def of(cls, kind: Kind, images: Iterable[ImageId]) -> Decision:
        """A decision that can be.

        Raises:
            InvalidRequest: it has no image, or a single one is said to be no duplicate.
        """
        distinct = tuple(sorted(set(images)))
        if not distinct:
            raise InvalidRequest(f"the decision `{kind}` names no image", field="decisions", remedy="name a file of it")
        made = cls(kind, distinct)
        if not made.is_whole:
            raise InvalidRequest(
                f"`{kind}` needs two images, and all that it names have the same bytes: {distinct[0].hex()}",
                field="decisions",
                remedy="`keep_all` says that all copies of a file stay",
            )
        return made


class Duplicates:
    """Every method may be called from any thread.

    Args:
        database: the file of decisions.
        clock: seconds since the epoch.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock
        self._lock = Lock()
        self._revision = 0

    @property
    def revision(self) -> int:
        """Another number after every change; it begins anew with the daemon."""
        return self._revision

    def decide(self, decisions: Sequence[Decision]) -> int:
        """Keep what was said, in this order, all of it or nothing; how many said something that was not known."""
        now, changed = int(self._clock() * 1000), 0
        with self._database.writing() as connection:
            for decision in decisions:
                if decision.kind is Kind.FORGET:
                    changed += _forget(connection, decision.images)
                else:
                    changed += _keep(connection, decision, now)
        with self._lock:
            self._revision += 1
        return changed

    def page(self, after: int, limit: int) -> list[Decision]:
        """The first `limit` decisions that were made after the one of this number, the oldest first."""
        with self._database.reading() as connection:
            said = connection.execute(
                "SELECT decision_id, kind, at_ms FROM said WHERE decision_id > ? AND (SELECT COUNT(*) FROM said_of "
                "WHERE said_of.decision_id = said.decision_id) > (kind = 'not_duplicates') ORDER BY 1 LIMIT ?",
                (after, limit),
            ).fetchall()
            return [
                Decision(Kind(kind), _images(connection, decision_id), decision_id, at_ms)
                for decision_id, kind, at_ms in said
            ]

    def all(self) -> list[Decision]:
        """Everything that was said, the oldest first."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT decision_id, kind, at_ms, image_id FROM said JOIN said_of USING (decision_id) "
                "ORDER BY decision_id, image_id"
            ).fetchall()
        found: dict[int, tuple[str, int, list[ImageId]]] = {}
        for decision_id, kind, at_ms, image_id in rows:
            found.setdefault(decision_id, (kind, at_ms, []))[2].append(ImageId(image_id))
        decisions = [
            Decision(Kind(kind), tuple(images), decision_id, at_ms)
            for decision_id, (kind, at_ms, images) in found.items()
        ]
        return [decision for decision in decisions if decision.is_whole]


def _keep(connection: sqlite3.Connection, decision: Decision, now: int) -> bool:
    """Write a decision down; whether it says something that no other one did."""
    before = _covering(connection, decision)
    if before is not None:
        if decision.kind is not Kind.KEEP or before.images != decision.images:
            return False
        # Of keepers the last one counts, so one that is named again comes last.
        _delete(connection, [before.decision_id])
    said = connection.execute("INSERT INTO said (kind, at_ms) VALUES (?, ?)", (decision.kind.value, now))
    # A repair may have saved images of a decision that was lost.
    connection.execute("DELETE FROM said_of WHERE decision_id = ?", (said.lastrowid,))
    connection.executemany(
        "INSERT INTO said_of (image_id, decision_id) VALUES (?, ?)",
        [(image_id, said.lastrowid) for image_id in decision.images],
    )
    return before is None


def _covering(connection: sqlite3.Connection, decision: Decision) -> Decision | None:
    """The last decision of the same kind that has all images of this one."""
    rows = connection.execute(
        "SELECT decision_id FROM said JOIN said_of USING (decision_id) WHERE image_id = ? AND kind = ? "
        "ORDER BY decision_id DESC",
        (decision.images[0], decision.kind.value),
    ).fetchall()
    wanted = set(decision.images)
    for (decision_id,) in rows:
        images = _images(connection, decision_id)
        if wanted.issubset(images):
            return Decision(decision.kind, images, decision_id)
    return None


def _forget(connection: sqlite3.Connection, images: Collection[ImageId]) -> bool:
    found: set[int] = set()
    for image_id in images:
        rows = connection.execute("SELECT decision_id FROM said_of WHERE image_id = ?", (image_id,))
        found.update(decision_id for (decision_id,) in rows)
    _delete(connection, found)
    return bool(found)


def _delete(connection: sqlite3.Connection, decision_ids: Iterable[int]) -> None:
    for decision_id in decision_ids:
        connection.execute("DELETE FROM said_of WHERE decision_id = ?", (decision_id,))
        connection.execute("DELETE FROM said WHERE decision_id = ?", (decision_id,))


def _images(connection: sqlite3.Connection, decision_id: int) -> tuple[ImageId, ...]:
    rows = connection.execute("SELECT image_id FROM said_of WHERE decision_id = ? ORDER BY image_id", (decision_id,))
    return tuple(ImageId(image_id) for (image_id,) in rows)
