"""Groups of copies: the door of this room.

All groups of some options are found at once, from one moment of the catalogue, and kept in memory until something
changes; 200,000 files take about three seconds. While files come and go all the time, groups are as old as it takes to
find them a few times at most, so that those who list them and those who index do not slow each other down.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from threading import Lock

import numpy as np

from simd.catalogue.catalogue import Catalogue
from simd.catalogue.feed import Position
from simd.config import DEFAULT_KEEP
from simd.decisions.decisions import Decisions
from simd.errors import ConfigError, InvalidRequest
from simd.insight.groups import overlaps
from simd.insight.groups.base import Base
from simd.insight.groups.decided import Decided
from simd.insight.groups.finding import Finding
from simd.insight.groups.found import Found
from simd.insight.groups.members import members_of
from simd.insight.groups.options import Options
from simd.insight.groups.overlaps import FolderOverlap
from simd.insight.groups.rules import Rule, rules_of
from simd.insight.groups.stars import apart
from simd.insight.pairs.pair import TIERS, Tier
from simd.insight.pairs.reader import PairReader
from simd.types import ImageId
from simd.vectors.ids import unpack_ids

EVERYTHING = Options()
"""All files, and all tiers that are the same picture."""

_KEPT = 4
"""So many lists are kept, each of other options: about 100 bytes for each of their files, and paths once for all."""
_REST = 4.0
"""Groups may be older than the newest files by so many times what it takes to find them, ..."""
_REST_MAX_S = 30.0
"""... but not by more than that, ..."""
_QUICK_S = 0.3
"""... and not at all if it takes no longer than this."""
_WISHES = 10_000
_REACH = 1000
"""Of a million images that are connected none is compared with all others."""


@dataclass(frozen=True, slots=True)
class _Moment:
    """What groups were found from."""

    files: Position
    pairs: int
    decisions: int
    labels: int


@dataclass(frozen=True, slots=True)
class _Entry:
    """What was found, when, in seconds, and how many it took."""

    moment: _Moment
    found: Found
    at: float
    took: float


class Groups:
    """Every method may be called from any thread.

    Args:
        catalogue: where the files are.
        pairs: which images are the same picture.
        decisions: what people said.
        keep: the rules by which keepers are chosen.
        reference: absolute paths below which every file stays.
        clock: monotonic, in seconds.

    Raises:
        ConfigError: a rule is unknown.
    """

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        pairs: PairReader,
        decisions: Decisions,
        keep: Sequence[str] = DEFAULT_KEEP,
        reference: Sequence[bytes] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.pairs = pairs
        self._catalogue = catalogue
        self._decisions = decisions
        self._rules = rules_of(keep, ConfigError)
        self._reference = tuple(reference)
        self._clock = clock
        self._lock = Lock()
        self._base: tuple[_Moment, Base] | None = None
        self._entries: OrderedDict[Options, _Entry] = OrderedDict()

    def configure(self, keep: Sequence[str], reference: Sequence[bytes]) -> None:
        """Other rules and reference folders from now on.

        Raises:
            ConfigError: a rule is unknown; nothing has changed then.
        """
        rules = rules_of(keep, ConfigError)
        with self._lock:
            self._rules, self._reference = rules, tuple(reference)
            self._entries.clear()

    def find(self, options: Options = EVERYTHING, *, latest: bool = False) -> Found:
        """The groups.

        Args:
            options: which files, and which of them stay.
            latest: as of now, even if it takes long and was done just before.

        Raises:
            InvalidRequest: a rule is unknown.
        """
        rules = rules_of(options.keep, InvalidRequest)
        # The second one who asks for the same waits, and is given what the first one got.
        with self._lock:
            entry = self._entries.get(options)
            moment = self._moment()
            if entry is None or not self._is_fresh(entry, moment, rests=not latest):
                start = self._clock()
                found = self._find(options, rules or self._rules, moment)
                now = self._clock()
                entry = _Entry(moment, found, now, now - start)
            self._entries[options] = entry
            self._entries.move_to_end(options)
            while len(self._entries) > _KEPT:
                self._entries.popitem(last=False)
            return entry.found

    @property
    def pending(self) -> int:
        """How many images have not been looked at for copies yet; one at least while there is news, or a
        wish (`lacking`)."""
        return max(self.pairs.pending, int(self.pairs.is_behind(self._catalogue.position())))

    def lacking(self) -> Sequence[tuple[ImageId, ImageId]]:
        """Two images each, of which no pair is stored, not even that they are different, and that would be in one group
        if they were the same picture: to be compared. There may be more than are told at once."""
        found = self.find(latest=True)
        base, arranged = found.base, found.arranged
        ids = unpack_ids(base.copies.ids)
        told: dict[int, set[ImageId]] = {}
        wishes: list[tuple[ImageId, ImageId]] = []
        for keeper, image in apart(arranged.stars, arranged.order, base.edges(arranged.same), reach=_REACH):
            if keeper not in told:
                told[keeper] = {pair.other(ids[keeper]) for pair in self.pairs.of(ids[keeper])}
            if ids[image] not in told[keeper]:
                first, second = sorted((ids[keeper], ids[image]))
                wishes.append((first, second))
                if len(wishes) == _WISHES:
                    break
        return wishes

    def overlaps(self, options: Options, *, min_share: float, limit: int) -> list[FolderOverlap]:
        """Folders of which at least `min_share` is in another one too, at most `limit` of them."""
        found = self.find(options)
        return overlaps.overlaps(found, self._catalogue.count_directly_in, min_share=min_share, limit=limit)

    def _moment(self) -> _Moment:
        return _Moment(
            self._catalogue.position(),
            self.pairs.revision,
            self._decisions.duplicates.revision,
            self._decisions.labels.revision,
        )

    def _is_fresh(self, entry: _Entry, moment: _Moment, *, rests: bool) -> bool:
        """Whether what was found is still to be told. What people do counts at once."""
        if entry.moment == moment or not rests:
            return entry.moment == moment
        by_people = replace(moment, files=entry.moment.files, pairs=entry.moment.pairs)
        rest = min(_REST * entry.took, _REST_MAX_S) if entry.took > _QUICK_S else 0.0
        return entry.moment == by_people and self._clock() - entry.at < rest

    def _find(self, options: Options, rules: Sequence[Rule], moment: _Moment) -> Found:
        base = self._base_of(moment)
        decided = Decided.of(base, self._decisions.duplicates.all())
        finding = Finding(base, decided, rules, self._reference, options)
        arranged = finding.arrange()
        return Found(base, arranged, members_of(finding, arranged))

    def _base_of(self, moment: _Moment) -> Base:
        wanted = replace(moment, decisions=0)
        if self._base is None or self._base[0] != wanted:
            pairs = self.pairs.pairs()
            counts = pairs.tier != TIERS.index(Tier.DIFFERENT)
            joined = np.unique(np.concatenate([pairs.first[counts], pairs.second[counts]]))
            copies = self._catalogue.copies(pairs.ids[joined])
            self._base = wanted, Base.of(copies, pairs, self._decisions.labels.said(unpack_ids(copies.ids)))
        return self._base[1]
