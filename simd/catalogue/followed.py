"""How far a reader has followed the change feed, written down in its own database beside what it derived.

The position goes into the transaction that writes what it stands for, so that a crash takes both or neither. What is
there is of one set of rules; whoever derives by other rules begins anew. These functions work on a connection, so that
each store has its own transactions.
"""

from __future__ import annotations

import sqlite3

from simd.catalogue.feed import Position

TABLE = """
CREATE TABLE followed (
  rules TEXT NOT NULL,
  epoch BLOB,
  revision INTEGER
) STRICT;
"""
"""One row; without a position everything is to be looked through."""


def is_of(connection: sqlite3.Connection, rules: str) -> bool:
    """Whether what is there was derived by these rules."""
    return connection.execute("SELECT 1 FROM followed WHERE rules = ?", (rules,)).fetchone() is not None


def begin(connection: sqlite3.Connection, rules: str) -> None:
    """From now on what is there is of these rules, and of no position; within a transaction that drops the rest."""
    connection.execute("DELETE FROM followed")
    connection.execute("INSERT INTO followed VALUES (?, NULL, NULL)", (rules,))


def position(connection: sqlite3.Connection) -> Position | None:
    """How far the feed was followed; None where everything is to be looked through."""
    row = connection.execute("SELECT epoch, revision FROM followed WHERE epoch IS NOT NULL").fetchone()
    return None if row is None else Position(*row)


def follow(connection: sqlite3.Connection, position: Position) -> None:
    """Remember where to go on, within a transaction."""
    connection.execute("UPDATE followed SET epoch = ?, revision = ?", (position.epoch, position.revision))


def look_again(connection: sqlite3.Connection) -> None:
    """Have everything looked through once more, within a transaction."""
    connection.execute("UPDATE followed SET epoch = NULL, revision = NULL")
