"""From vectors to the images that look like them, with their files and facts. No gRPC here."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from simd.catalogue.catalogue import Catalogue
from simd.catalogue.queries import relative
from simd.catalogue.rows import SearchableImage
from simd.featurize.models.spec import Levels
from simd.index.base import Searcher
from simd.index.filter import Filter
from simd.insight.groups.collapse import CopiesAmong, TiersTo, no_copies, no_tiers
from simd.insight.pairs.pair import Tier
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
    was compared; `copies` are so many others that are the same picture, and left out; `tier` is what it is to the
    query, where that was found out before; `host` is who has it, "" where that was not asked of several;
    `more_paths` are so many that are not told."""

    hit: Hit
    paths: tuple[bytes, ...]
    facts: ImageFacts | None
    verdict: Verdict | None = None
    copies: int = 0
    tier: Tier | None = None
    host: str = ""
    more_paths: int = 0

    @property
    def path_count(self) -> int:
        """How many files it has."""
        return len(self.paths) + self.more_paths


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The answer to a query: the matches, nearest first; how many vectors were considered; whether nothing can have
    been missed; what it took; what the similarities mean, if the model is calibrated; this host's name, if a replica
    was searched; why this host's own index was searched in its place, if it was."""

    matches: tuple[Match, ...]
    searched: int
    exact: bool
    took: Took = field(default_factory=Took)
    levels: Levels | None = None
    host: str = ""
    fallback: str = ""


class Matcher:
    """Finds matches; safe to use from any thread.

    Args:
        catalogue: where the files are.
        copies_among: which images are the same picture.
        tiers_to: what images are to one.
        host: the name of this host, where hits tell of several: the catalogue decides about its images, and about no
            others.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        copies_among: CopiesAmong = no_copies,
        tiers_to: TiersTo = no_tiers,
        *,
        host: str = "",
    ) -> None:
        self._catalogue = catalogue
        self._copies_among = copies_among
        self._tiers_to = tiers_to
        self._host = host

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
            among = Filter(prefix=asked[places[0]][0].path_prefix)
            if not searcher.knows_paths:
                among = among.resolved(self._catalogue.images_under)
            found |= self._of_a_kind(searcher, {at: asked[at] for at in places}, among, check)
        return [found[at] for at in range(len(asked))]

    def with_tiers(self, found: SearchResult, image_id: ImageId) -> SearchResult:
        """The answer, each match with what it is to the image that was asked for."""
        tiers = self._tiers_to(image_id, [match.hit.image_id for match in found.matches])
        if not tiers:
            return found
        matches = (replace(match, tier=tiers.get(match.hit.image_id)) for match in found.matches)
        return replace(found, matches=tuple(matches))

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
        """The matches without copies of better ones, which count them. What several hosts have is one image."""
        images = Counter(match.hit.image_id for match in matches)
        copies = self._copies_among(list(images), limit)
        counts: Counter[ImageId] = Counter()
        for image_id, number in images.items():
            counts[copies.get(image_id, image_id)] += number
        told: dict[ImageId, Match] = {}
        for match in matches:
            if match.hit.image_id not in copies:
                told.setdefault(match.hit.image_id, match)
        return [replace(match, copies=counts[image_id] - 1) for image_id, match in told.items()]

    def _with_files(self, nears: Sequence[Sequence[Hit]], prefix: bytes) -> list[list[Match]]:
        """The matches of several queries, with one look into the catalogue."""
        images = self._catalogue.searchable([hit.image_id for near in nears for hit in near if self._is_own(hit)])
        matches = [[self._match(hit, images, prefix) for hit in near] for near in nears]
        return [[match for match in of_one if match is not None] for of_one in matches]

    def _is_own(self, hit: Hit) -> bool:
        return hit.origin is None or hit.origin.host == self._host

    def _match(self, hit: Hit, images: Mapping[ImageId, SearchableImage], prefix: bytes) -> Match | None:
        """What is shown of a hit; None if it is left out.

        Args:
            hit: of this host, or of another one.
            images: those of this host that have a file now: what is searched may lag behind, or have been given images
                of others without a word.
            prefix: b"" or what the files are below.
        """
        origin = hit.origin
        if origin is not None and origin.host != self._host:
            more = origin.path_count - len(origin.paths)
            return Match(hit, _ordered(origin.paths, prefix), origin.facts, host=origin.host, more_paths=max(0, more))
        image = images.get(hit.image_id)
        if image is None or (
            origin is not None and not any(relative(prefix, path) is not None for path in image.paths)
        ):
            return None
        return Match(hit, _ordered(image.paths, prefix), image.facts, host=self._host if origin is not None else "")


def _ordered(paths: Sequence[bytes], prefix: bytes) -> tuple[bytes, ...]:
    return tuple(sorted(paths, key=lambda path: (relative(prefix, path) is None, path)))
