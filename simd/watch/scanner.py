"""The truth about a root: its tree merged with what is known of it, both in the same order, in flat memory.

Changed files come first, in order; deletions last, so that whoever takes the changes in this order sees a moved file
at its new place before it is gone from the old one. Nothing is yielded for a root that is offline, and no deletion
before the root was seen to be the same directory at the end as at the start: a disk unmounted half-way deletes nothing.

Known files that are passed over now are deletions too, but never a mass deletion: that they go is somebody's wish.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from simd.types import Change, ChangeKind, FileKey, Identity, KnownFile, Root
from simd.watch.ignore import Ignore
from simd.watch.roots import RootOffline, identify
from simd.watch.rules import RulesUnread
from simd.watch.walk import Flaw, Seen, Unread, walk

_MASS = 100
_SAMPLE = 1000
_PAGE = 1000
_FAMILIAR = 0.05
_PROBLEMS_KEPT = 100


@dataclass(frozen=True, slots=True)
class MassDeletion:
    """So many of a root's known files are gone that it looks like an accident; the deletions of `count` are held back.

    `known` is how many files the root had, and `lost` how many of these were gone before anybody noticed.
    """

    count: int
    known: int
    lost: int = 0


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
        lost: how many more it had, which are gone since it was last scanned whole.
        sample: the paths of so many of the root's known files, spread over all of it, wherever `under` is; asked when
            the root looks like another directory. None takes the first of `known`.
        complete: is given files whose stamps were known without a ctime and are the same otherwise.
        moved: of files that are gone, how many are known elsewhere; asked only when they look like a mass deletion.
        hold: whether a mass deletion is held back.
        go_on: asked for every file; once it says no the scan ends, and nothing is deleted.
        confirm_deletes: a person has said that what is gone is gone: an empty or another directory is taken for the
            root, and a mass deletion is believed. A root that cannot be read stays offline.

    While it is iterated over and after, `seen`, `changed` and `deleted` count files, and `ignored` those of the deleted
    that are passed over now; `held` is a mass deletion that was not believed; `problems` are the first paths that could
    not be read and rules that match nothing, and `identity` is the directory that was scanned, once all of it was.
    """

    def __init__(
        self,
        root: Root,
        known: Iterable[KnownFile],
        ignore: Ignore,
        under: bytes = b"",
        *,
        known_files: int | None = None,
        lost: int = 0,
        sample: Callable[[int], Sequence[bytes]] | None = None,
        complete: Callable[[list[KnownFile]], None] = lambda _: None,
        moved: Callable[[list[bytes]], int] = lambda _: 0,
        hold: bool = True,
        go_on: Callable[[], bool] = lambda: True,
        confirm_deletes: bool = False,
    ) -> None:
        self._root = root
        self._known = iter(known)
        self._ignore = ignore
        self._under = under
        self._known_files = known_files
        self._lost = lost
        self._sample = sample or self._first_known
        self._complete = complete
        self._moved = moved
        self._go_on = go_on
        self._hold = hold and not confirm_deletes
        self._confirmed = confirm_deletes
        self._next: KnownFile | None = None
        self._known_seen = 0
        self._gone: list[bytes] = []
        self._completed: list[KnownFile] = []
        self.seen = 0
        self.changed = 0
        self.deleted = 0
        self.ignored = 0
        self.held: MassDeletion | None = None
        self.problems: list[Unread | Flaw] = []
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
            if not self._go_on():
                return
            if isinstance(found, Unread):
                self._keep(found)
            elif isinstance(found, Flaw):
                self._report(found)
            elif (change := self._compare(found)) is not None:
                yield change
        self._pass_over(None)
        if self._completed:
            self._complete(self._completed)
        if identify(self._root.path) != identity:
            raise RootOffline(self._root.path, "changed while it was being scanned")
        self.identity = identity
        yield from self._deletions()

    def _check_online(self, identity: Identity) -> None:
        """Refuse a root that is empty, or another directory than it was, while files of it are known.

        It is judged by all of the root, also where only a part of it is scanned: a new folder in the place of an
        unmounted disk does not make that the root.
        """
        path = self._root.path
        try:
            with os.scandir(path) as entries:
                empty = all(self._ignore.skips(e.name, e.is_dir(follow_symlinks=False)) for e in entries)
        except OSError as error:
            raise RootOffline(path, f"cannot be read: {error.strerror}") from error
        is_same = self._root.identity is None or self._root.identity.is_same(identity)
        if self._confirmed or (is_same and not empty):
            return
        sample = self._sample(1 if empty else _SAMPLE)
        if not sample:
            return
        if empty:
            raise RootOffline(path, "is empty although files of it are known")
        there = sum(os.path.lexists(os.path.join(path, known)) for known in sample)
        if there <= _FAMILIAR * len(sample):
            raise RootOffline(path, f"is another directory: {there} of {len(sample)} known files are there")

    def _first_known(self, count: int) -> list[bytes]:
        first = list(islice(self._known, count))
        self._known = chain(first, self._known)
        return [known.path for known in first]

    def _compare(self, found: Seen) -> Change | None:
        """Step over the known files before `found`; the change, if it is not known as it is."""
        self.seen += 1
        self._pass_over(found.path)
        known = self._next
        if known is not None and known.path == found.path:
            self._advance()
            if self._is_as_known(found, known) and not known.retry:
                return None
        self.changed += 1
        return Change(ChangeKind.UPSERT, FileKey(self._root.root_id, found.path), found.stamp)

    def _is_as_known(self, found: Seen, known: KnownFile) -> bool:
        if not found.stamp.completes(known.stamp):
            return found.stamp == known.stamp
        self._completed.append(KnownFile(found.path, found.stamp))
        if len(self._completed) >= _PAGE:
            self._complete(self._completed)
            self._completed = []
        return True

    def _keep(self, unread: Unread) -> None:
        """Step over what is known of something that cannot be read, without taking it for gone."""
        if not unread.path:
            raise RootOffline(self._root.path, f"cannot be read: {unread.why}")
        self._report(unread)
        self._pass_over(unread.path)
        whole = unread.path.endswith(b"/")
        while self._next is not None and (
            self._next.path.startswith(unread.path) if whole else self._next.path == unread.path
        ):
            self._advance()

    def _report(self, problem: Unread | Flaw) -> None:
        if len(self.problems) < _PROBLEMS_KEPT:
            self.problems.append(problem)

    def _pass_over(self, path: bytes | None) -> None:
        """Known files that sort before `path` (None: all) were not found: they are gone."""
        while self._next is not None and (path is None or self._next.path < path):
            self._gone.append(self._next.path)
            self._advance()

    def _advance(self) -> None:
        self._next = next(self._known, None)
        self._known_seen += self._next is not None

    def _deletions(self) -> Iterator[Change]:
        known = (self._known_seen if self._known_files is None else self._known_files) + self._lost
        ignored, gone = self._divided()
        if gone and self._hold and self._is_mass(gone, known):
            self.held = MassDeletion(len(gone), known, self._lost)
            gone = []
        self.ignored = len(ignored)
        self.deleted = len(ignored) + len(gone)
        # Of a part of a root too little is known to judge it alone.
        whole = not self._under or self._confirmed
        for paths, judged in ((ignored, True), (gone, whole)):
            for path in paths:
                yield Change(ChangeKind.DELETE, FileKey(self._root.root_id, path), judged=judged)

    def _is_mass(self, gone: list[bytes], known: int) -> bool:
        """Whether too much is gone; what is known at another place is not."""
        count = len(gone) + self._lost
        return is_mass(count, known) and is_mass(count - self._moved(gone), known)

    def _divided(self) -> tuple[list[bytes], list[bytes]]:
        """Of the files that were not found, those that are passed over now and those that are gone."""
        ignored: list[bytes] = []
        gone: list[bytes] = []
        for path in self._gone:
            try:
                verdict = self._ignore.verdict(self._root.path, path)
            except RulesUnread:
                # Its rules were readable a moment ago; the next scan tells.
                continue
            (gone if verdict is None else ignored).append(path)
        return ignored, gone
