"""What a file of SQLite holds for one purpose, and what tells one version of it from another."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from simd.errors import StoreVersion


@dataclass(frozen=True, slots=True)
class Kept:
    """Rows of a table that a repair saves, all or those for which SQL holds; `noun` is what people call them."""

    table: str
    noun: str
    condition: str = ""


@dataclass(frozen=True, slots=True)
class Schema:
    """A kind of file.

    Attributes:
        name: of what it holds, for messages: "catalogue".
        application_id: four bytes that name the kind to `file` and to us.
        version: of the tables that `create` makes.
        create: SQL that makes all of it in an empty file.
        steps: by each older version, the SQL that makes a file of it one of the next version.
        kept: what a repair saves, as far as it can be read.
        without: what is so where the file is deleted, for whoever may have to.
        remedy: what helps where the file is damaged.
        derived: whether all of it can be made again: a power cut may then take the last transactions, whole ones, and
            none of them waits for the disk.
    """

    name: str
    application_id: int
    version: int
    create: str
    steps: Mapping[int, str] = field(default_factory=dict)
    kept: Sequence[Kept] = ()
    without: str = ""
    remedy: str = "stop the daemon and run `simd check --repair`, which makes it anew"
    derived: bool = False

    def prepare(self, connection: sqlite3.Connection, path: Path) -> None:
        """Create the tables in an empty file, or bring those of an older version up to date.

        Raises:
            StoreVersion: a newer version, or another program, wrote the file.
        """
        if is_blank(connection):
            marks = f"PRAGMA application_id = {self.application_id}; PRAGMA user_version = {self.version};"
            connection.executescript(f"BEGIN IMMEDIATE; {self.create} {marks} COMMIT;")
            return
        version = self.refuse_others(connection, path)
        if version != self.version:
            steps = " ".join(self.steps[older] for older in range(version, self.version))
            connection.executescript(f"BEGIN IMMEDIATE; {steps} PRAGMA user_version = {self.version}; COMMIT;")

    def refuse_others(self, connection: sqlite3.Connection, path: Path) -> int:
        """The version of the file, if it is one that this version reads or brings up to date.

        Raises:
            StoreVersion: a newer version, or another program, wrote the file.
        """
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        kind = connection.execute("PRAGMA application_id").fetchone()[0]
        if kind != self.application_id:
            raise StoreVersion(f"{path} is not a {self.name} of simd", remedy="choose another state directory")
        if version != self.version and version not in self.steps:
            raise StoreVersion(
                f"the {self.name} {path} has version {version}, this simd reads version {self.version}",
                remedy=f"use the simd that wrote it, or delete it: {self.without}",
            )
        return int(version)


def is_blank(connection: sqlite3.Connection) -> bool:
    """Whether the file has no tables yet: the start that was to make them may have been cut short."""
    marks = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("user_version", "application_id")]
    return marks == [0, 0] and connection.execute("SELECT COUNT(*) FROM sqlite_schema").fetchone()[0] == 0
