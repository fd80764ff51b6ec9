"""Files, pairs and decisions of a test, and the groups that are found in them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

from simd.catalogue.catalogue import Catalogue
from simd.catalogue.rows import IndexedFile
from simd.config import DEFAULT_KEEP
from simd.decisions.decisions import Decisions
from simd.decisions.duplicates import Decision, Kind
from simd.insight.groups.group import Group
from simd.insight.groups.groups import Groups
from simd.insight.groups.options import Options
from simd.insight.pairs.pair import Tier
from simd.types import FileKey, ImageFacts, ImageId, Stamp, image_id_of
from tests.insight.memorypairs import MemoryPairs

NOW_NS = 1_700_000_000_000_000_000


class World:
    """Roots `/p` and `/q`, in which files are whatever a test says. To be closed.

    Args:
        directory: for the databases.
        keep: rules that choose keepers.
        reference: folders whose files stay.

    Attributes:
        now: what the clock says.
        look_takes: by so much it goes on at each look.
    """

    def __init__(self, directory: Path, *, keep: Sequence[str] = DEFAULT_KEEP, reference: Sequence[bytes] = ()) -> None:
        self.catalogue = Catalogue.open(directory / "catalogue.sqlite")
        self.roots = {root.path: root.root_id for root in self.catalogue.sync_roots([b"/p", b"/q"])}
        self.decisions = Decisions(directory / "decisions.sqlite")
        self.pairs = MemoryPairs()
        self.now = 0.0
        self.look_takes = 0.0
        self.groups = Groups(
            catalogue=self.catalogue,
            pairs=self.pairs,
            decisions=self.decisions,
            keep=keep,
            reference=reference,
            clock=self._clock,
        )
        self._inodes = itertools.count(1)

    def _clock(self) -> float:
        self.now += self.look_takes
        return self.now

    def close(self) -> None:
        """Close the files."""
        self.catalogue.close()
        self.decisions.close()

    def put(
        self,
        path: str,
        content: str = "",
        *,
        width: int = 100,
        height: int = 100,
        size: int = 1000,
        image_format: str = "JPEG",
        animated: bool | None = None,
        mtime_s: int = 0,
        inode: int = 0,
    ) -> ImageId:
        """A file; its image is that of its content, or else of its path."""
        image_id = self.image_of(content or path)
        self.catalogue.record(
            [
                IndexedFile(
                    self.key(path),
                    Stamp(size, NOW_NS + mtime_s * 1_000_000_000, inode or next(self._inodes), 1),
                    image_id,
                    ImageFacts(width, height, image_format, animated),
                )
            ]
        )
        return image_id

    @staticmethod
    def image_of(content: str) -> ImageId:
        """The image of what a file has in it."""
        return image_id_of(content.encode())

    def lose(self, *paths: str) -> None:
        """Files that are gone."""
        self.catalogue.record([], deleted=[self.key(path) for path in paths])

    def key(self, path: str) -> FileKey:
        """Where a file is, by its absolute path."""
        return FileKey(self.roots[path[:2].encode()], path[3:].encode())

    def copies(self, *paths: str, tier: Tier = Tier.NEAR, similarity: float = 0.9) -> list[ImageId]:
        """Files of which every two are a pair."""
        images = [self.put(path) for path in paths]
        for one, other in itertools.combinations(images, 2):
            self.pairs.add(one, other, tier, similarity)
        return images

    def decide(self, kind: Kind, *images: ImageId) -> None:
        """Say something of images."""
        self.decisions.duplicates.decide([Decision.of(kind, images)])

    def all(self, **options: object) -> list[Group]:
        """The groups of some options."""
        found = self.groups.find(Options(**options))  # type: ignore[arg-type]
        return [found.group(number) for number in range(len(found))]

    def told(self, **options: object) -> list[list[str]]:
        """The paths of each group, the keeper's first, by the path of the keeper."""
        return sorted([group.keeper.path.decode(), *(m.path.decode() for m in group.members)]
                      for group in self.all(**options))  # fmt: skip

    def going(self, **options: object) -> list[str]:
        """The paths that would go, sorted."""
        return sorted(m.path.decode() for group in self.all(**options) for m in group.members if m.goes)
