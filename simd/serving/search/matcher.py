"""From vectors to the images that look like them, with their files and facts. No gRPC here."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from simd.catalogue.catalogue import Catalogue
from simd.catalogue.rows import SearchableImage
from simd.featurize.models.spec import Levels
from simd.index.base import Searcher
from simd.index.filter import Filter
from simd.insight.groups.collapse import CopiesAmong, no_copies
from simd.serving.transport.meter import Took
from simd.types import Hit, ImageFacts, ImageId, Vector
from simd.verify.verdict import Verdict

_WIDEN = 4
"""So many times as much is asked for each time, while images that are left out leave the answer short: up to so many
times the limit ..."""
_WIDEST = 16
_MOST_COPIES = 16_384
"""... or, where copies are left out, up to so many if that is more."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What answers a query: `limit` at most, of images under `path_prefix` (b"" is everywhere), `floor` the least
    similarity, whether it must be proved that nothing nearer was missed, and whether copies are told once."""

    limit: int
    floor: float
    path_prefix: bytes
    exact: bool
    group: bool = False

    @property
    def takes_long(self) -> bool:
        """Whether the scan may take much longer than those of others."""
        return self.exact or bool(self.path_prefix) or self.group

    @property
    def kind(self) -> tuple[int, bytes, bool, bool]:
        """Queries of one kind can share a scan."""
        return self.limit, self.path_prefix, self.exact, self.group

    @property
    def depths(self) -> Iterator[int]:
        """How many images to ask for, one after the other. Copies are to be counted, so more is asked for at once."""
        most = max(self.limit * _WIDEST, _MOST_COPIES if self.group else 0)
        depth = self.limit * (_WIDEN if self.group else 1)
        while depth <= most:
            yield depth
            depth *= _WIDEN


@dataclass(frozen=True, slots=True)
class Match:
    """One answer. `paths` is sorted, those under the query's prefix first, and never empty; `verdict` is there if it
    was compared; `copies` are so many others that are the same picture, and left out."""

    hit: Hit
    paths: tuple[bytes, ...]
    facts: ImageFacts | None
    verdict: Verdict | None = None
    copies: int = 0


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The answer to a query: the matches, nearest first; how many vectors were considered; whether nothing can have
    been missed; what it took; what the similarities mean, if the model is calibrated."""

    matches: tuple[Match, ...]
    searched: int
    exact: bool
    took: Took = field(default_factory=Took)
    levels: Levels | None = None


class Matcher:
    """Finds matches; safe to use from any thread.

    Args:
        catalogue: where the files are.
        copies_among: which images are the same picture.
    """

    def __init__(self, catalogue: Catalogue, copies_among: CopiesAmong = no_copies) -> None:
        self._catalogue = catalogue
        self._copies_among = copies_among

    def nearest(
        self, searcher: Searcher, asked: Sequence[tuple[Terms, Vector]], check: Callable[[], None]
    ) -> list[SearchResult]:
        """What is nearest to each vector, in the same order; queries of one kind share a scan.

        `check` is called before each scan; what it raises ends the work.
        """
        kinds: dict[tuple[int, bytes, bool, bool], list[int]] = defaultdict(list)
        for at, (terms, _) in enumerate(asked):
            kinds[terms.kind].append(at)
        found: dict[int, SearchResult] = {}
        for places in kinds.values():
            among = Filter(prefix=asked[places[0]][0].path_prefix).resolved(self._catalogue.images_under)
            found |= self._of_a_kind(searcher, {at: asked[at] for at in places}, among, check)
        return [found[at] for at in range(len(asked))]

    def _of_a_kind(
        self,
        searcher: Searcher,
        asked: dict[int, tuple[Terms, Vector]],
        among: Filter,
        check: Callable[[], None],
    ) -> dict[int, SearchResult]:
        """More are asked for while images that are unknown here, or copies, leave an answer short."""
        found: dict[int, SearchResult] = {}
        terms = next(iter(asked.values()))[0]
        *_, last = terms.depths
        for k in terms.depths:
            left = [at for at in asked if at not in found]
            if not left:
                break
            check()
            answers = searcher.search(np.stack([asked[at][1] for at in left]), k, among=among, exact=terms.exact)
            nears = [
                [hit for hit in answer.hits if hit.similarity >= asked[at][0].floor]
                for at, answer in zip(left, answers, strict=True)
            ]
            matched = self._with_files(nears, terms.path_prefix)
            for at, answer, near, matches in zip(left, answers, nears, matched, strict=True):
                told = self._told_once(matches, terms.limit) if terms.group else matches
                if len(told) >= terms.limit or len(near) < k or k == last:
                    found[at] = SearchResult(tuple(told[: terms.limit]), answer.searched, answer.exact)
        return found

    def _told_once(self, matches: Sequence[Match], limit: int) -> list[Match]:
        """The matches without copies of better ones, which count them."""
        copies = self._copies_among([match.hit.image_id for match in matches], limit)
        counts = Counter(copies.values())
        return [
            replace(match, copies=counts[match.hit.image_id]) for match in matches if match.hit.image_id not in copies
        ]

    def _with_files(self, nears: Sequence[Sequence[Hit]], prefix: bytes) -> list[list[Match]]:
        """The matches of several queries, with one look into the catalogue."""
        images = self._searchable([hit.image_id for near in nears for hit in near])
        return [
            [
                Match(hit, _ordered(images[hit.image_id].paths, prefix), images[hit.image_id].facts)
                for hit in near
                if hit.image_id in images
            ]
            for near in nears
        ]

    def _searchable(self, image_ids: Sequence[ImageId]) -> dict[ImageId, SearchableImage]:
        """What an answer shows of images; one that is left out is in no answer.

        Whatever is unknown here is decided about here alone: an image may have lost its file while its vector is still
        on its way out, or have been put into the index by another host. A searcher whose hits bring along what is shown
        of them (another host and its path) would be given its say here, for the images that the catalogue leaves out.
        """
        return self._catalogue.searchable(image_ids)


def _ordered(paths: Sequence[bytes], prefix: bytes) -> tuple[bytes, ...]:
    under = prefix.rstrip(b"/") + b"/"
    return tuple(sorted(paths, key=lambda path: (path != prefix and not path.startswith(under), path)))
