"""The truth about a root: its tree merged with what is known of it, both in the same order, in flat memory.

Changed files come first, in order; deletions last, so that whoever takes the changes in this order sees a moved file
at its new place before it is gone from the old one. Nothing is yielded for a root that is offline, and no deletion
before the root was seen to be the same directory at the end as at the start: a disk unmounted half-way deletes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice

from simd.types import Change, ChangeKind, FileKey, KnownFile, Root
from simd.watch.ignore import Ignore
from simd.watch.roots import Identity, RootOffline, identify
from simd.watch.walk import Seen, Unread, walk

_MASS = 100
_SAMPLE = 1000
_FAMILIAR = 0.05
_PROBLEMS_KEPT = 100


@dataclass(frozen=True, slots=True)
class MassDeletion:
    """So many of a root's known files are gone that it looks like an accident; the deletions are held back."""

    count: int
    known: int


def is_mass(count: int, known: int) -> bool:
    """Whether `count` deletions among `known` files are too many to be believed: over half of them and over 100."""
    return count > _MASS and 2 * count > known


class Scan:
    """One scan of a root, or of a part of it; iterate over it once to get the changes.

    Args:
        root: the root, with the identity it had when it was last online (inode 0: never).
        known: what is known at or below `under`, in byte order of the paths; read as the scan proceeds.
        ignore: names to pass over.
        under: the file or directory to look at, relative to the root; b"" is all.
        known_files: how many files the root is known to have, to judge a mass deletion by; None counts `known`.
        confirm_deletes: a person has said that what is gone is gone: an empty or another directory is taken for the
            root, and a mass deletion is believed. A root that cannot be read stays offline.

    While it is iterated over and after, `seen`, `changed` and `deleted` count files; `held` is a mass deletion that
    was not believed; `problems` are the first paths that could not be read (`unread` counts them all) and `identity`
    is the directory that was scanned, once the scan ended.
    """

    def __init__(
        self,
        root: Root,
        known: Iterable[KnownFile],
        ignore: Ignore,
        under: bytes = b"",
        *,
        known_files: int | None = None,
        confirm_deletes: bool = False,
    ) -> None:
        self._root = root
        self._known = iter(known)
        self._ignore = ignore
        self._under = under
        self._known_files = known_files
        self._confirmed = confirm_deletes
        self._next: KnownFile | None = None
        self._known_seen = 0
        self._gone: list[bytes] = []
        self.seen = 0
        self.changed = 0
        self.deleted = 0
        self.unread = 0
        self.held: MassDeletion | None = None
        self.problems: list[Unread] = []
        self.identity: Identity | None = None

    def __iter__(self) -> Iterator[Change]:
        """The changes.

        Raises:
            RootOffline: the root is missing, unreadable, empty although files are known, or another directory.
        """
        identity = identify(self._root.path)
        self._check_online(identity)
        self._advance()
        for found in walk(self._root.path, self._under, self._ignore):
            if isinstance(found, Unread):
                self._keep(found)
            elif (change := self._compare(found)) is not None:
                yield change
        self._pass_over(None)
        if identify(self._root.path) != identity:
            raise RootOffline(self._root.path, "changed while it was being scanned")
        self.identity = identity
        yield from self._deletions()

    def _check_online(self, identity: Identity) -> None:
        """Refuse a root that is empty, or another directory than it was, while files of it are known."""
        path = self._root.path
        try:
            with os.scandir(path) as entries:
                empty = all(self._ignore.skips(e.name, e.is_dir(follow_symlinks=False)) for e in entries)
        except OSError as error:
            raise RootOffline(path, f"cannot be read: {error.strerror}") from error
        sample = list(islice(self._known, _SAMPLE))
        self._known = chain(sample, self._known)
        if not sample or self._confirmed:
            return
        if empty:
            raise RootOffline(path, "is empty although files of it are known")
        if self._root.inode and identity != Identity(self._root.device, self._root.inode):
            there = sum(os.path.lexists(os.path.join(path, known.path)) for known in sample)
            if there <= _FAMILIAR * len(sample):
                raise RootOffline(path, f"is another directory: {there} of {len(sample)} known files are there")

    def _compare(self, found: Seen) -> Change | None:
        """Step over the known files before `found`; the change, if it is not known as it is."""
        self.seen += 1
        self._pass_over(found.path)
        known = self._next
        if known is not None and known.path == found.path:
            self._advance()
            if known.stamp == found.stamp and not known.retry:
                return None
        self.changed += 1
        return Change(ChangeKind.UPSERT, FileKey(self._root.root_id, found.path), found.stamp)

    def _keep(self, unread: Unread) -> None:
        """Step over what is known of something that cannot be read, without taking it for gone."""
        if not unread.path:
            raise RootOffline(self._root.path, f"cannot be read: {unread.why}")
        self.unread += 1
        if len(self.problems) < _PROBLEMS_KEPT:
            self.problems.append(unread)
        self._pass_over(unread.path)
        whole = unread.path.endswith(b"/")
        while self._next is not None and (
            self._next.path.startswith(unread.path) if whole else self._next.path == unread.path
        ):
            self._advance()

    def _pass_over(self, path: bytes | None) -> None:
        """Known files that sort before `path` (None: all) were not found: they are gone."""
        while self._next is not None and (path is None or self._next.path < path):
            self._gone.append(self._next.path)
            self._advance()

    def _advance(self) -> None:
        self._next = next(self._known, None)
        self._known_seen += self._next is not None

    def _deletions(self) -> Iterator[Change]:
        known = self._known_seen if self._known_files is None else self._known_files
        if not self._confirmed and is_mass(len(self._gone), known):
            self.held = MassDeletion(len(self._gone), known)
            return
        self.deleted = len(self._gone)
        for path in self._gone:
            yield Change(ChangeKind.DELETE, FileKey(self._root.root_id, path))
