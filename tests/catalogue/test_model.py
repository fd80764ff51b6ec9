"""Any sequence of changes leaves the catalogue as a plain dictionary would have it."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from simd.catalogue.catalogue import Catalogue
from simd.catalogue.feed import Position
from simd.catalogue.rows import IndexedFile, RejectedFile, SearchableImage
from simd.errors import Reason
from simd.types import FileKey, ImageFacts, ImageId, Rejection, Stamp, image_id_of
from simd.vectors.ids import unpack_ids

FACTS = ImageFacts(1, 1, "PNG")
IMAGES = [image_id_of(bytes([n])) for n in range(4)]
PATHS = [b"a", b"a-b", b"a.b", b"a/b", b"a/c", b"a/b/c", b"a0", b"\xff/x", b"a_b/x", b"aXb/x", b"a%/x"]
UNDER = [b"a", b"a/b", b"\xff", b"a_b", b"a%", b"a-b"]

paths = st.sampled_from(PATHS)
files = st.lists(st.tuples(paths, st.sampled_from(IMAGES)), max_size=4)


def is_under(path: bytes, under: bytes) -> bool:
    return path == under or path.startswith(under + b"/")


class CatalogueMachine(RuleBasedStateMachine):
    """Compares the catalogue with `model`: path -> image, or None where the file is in the ledger."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        self.model: dict[bytes, ImageId | None] = {}
        self.derived: set[ImageId] = set()
        self.position: Position | None = None
        self.now = 0.0

    @initialize()
    def begin(self) -> None:
        self.catalogue = Catalogue.open(self.directory / "c", lambda: self.now)
        self.root = self.catalogue.sync_roots([b"/p"])[0]

    def key(self, path: bytes) -> FileKey:
        return FileKey(self.root.root_id, path)

    def living(self) -> set[ImageId]:
        return {image for image in self.model.values() if image is not None}

    @rule(indexed=files, rejected=st.lists(paths, max_size=3), deleted=st.lists(paths, max_size=3))
    def record(self, indexed: list[tuple[bytes, ImageId]], rejected: list[bytes], deleted: list[bytes]) -> None:
        before = self.living()
        for path in deleted:
            self.model.pop(path, None)
        for path in rejected:
            self.model[path] = None
        self.model.update(indexed)
        orphans = self.catalogue.record(
            [IndexedFile(self.key(path), Stamp(1, 2, 3), image, FACTS) for path, image in indexed],
            [RejectedFile(self.key(path), Stamp(1, 2, 3), Rejection(Reason.CORRUPT, "")) for path in rejected],
            [self.key(path) for path in deleted],
        )
        assert set(orphans) >= before - self.living()
        assert not set(orphans) & self.living()

    @rule(old=st.sampled_from(UNDER), new=st.sampled_from([b"n", b"a_b", b"\xfe/m"]))
    def rename_under(self, old: bytes, new: bytes) -> None:
        if is_under(old, new) or is_under(new, old):
            return
        before = self.living()
        kept = {path: image for path, image in self.model.items() if not is_under(path, new)}
        self.model = {new + p[len(old) :] if is_under(p, old) else p: image for p, image in kept.items()}
        assert set(self.catalogue.rename_under(self.root.root_id, old, new)) == before - self.living()

    @rule(limit=st.integers(1, 3), pages=st.integers(1, 5))
    def follow(self, limit: int, pages: int) -> None:
        """A reader of the feed deals with some of what is new."""
        for _ in range(pages):
            told = self.catalogue.changes(self.position, limit)
            if told.starts_over:
                self.derived.clear()
            assert len({change.image_id for change in told.changes}) == len(told.changes) <= limit
            for change in told.changes:
                (self.derived.add if change.present else self.derived.discard)(change.image_id)
            self.position = told.position
            if told.complete:
                assert self.derived == self.living()
                assert not self.catalogue.changes(self.position).changes

    @rule()
    def purge(self) -> None:
        self.now += 1
        orphans = self.catalogue.orphans()
        assert set(self.catalogue.purge_images(int(self.now * 1000))) == set(orphans)

    @rule()
    def reopen(self) -> None:
        self.catalogue.close()
        self.catalogue = Catalogue.open(self.directory / "c", lambda: self.now)

    @invariant()
    def agrees(self) -> None:
        assert [known.path for known in self.catalogue.walk(self.root.root_id)] == sorted(self.model)
        assert list(self.catalogue.image_ids()) == sorted(self.living())
        assert not self.living() & set(self.catalogue.orphans())
        counts = self.catalogue.counts()
        failed = sum(image is None for image in self.model.values())
        assert (counts.images, counts.files) == (len(self.living()), len(self.model) - failed)
        assert sum(counts.failed_by_reason.values()) == failed
        expected: dict[ImageId, list[bytes]] = {}
        for path, image in sorted(self.model.items()):
            if image is not None:
                expected.setdefault(image, []).append(b"/p/" + path)
        assert self.catalogue.files_of(IMAGES) == expected
        facts = self.catalogue.facts_of(expected)
        assert self.catalogue.searchable(IMAGES) == {
            i: SearchableImage(paths, facts[i]) for i, paths in expected.items()
        }
        for under in UNDER:
            inside = {image for path, image in self.model.items() if is_under(path, under)} - {None}
            assert set(unpack_ids(self.catalogue.images_under(b"/p/" + under))) == inside

    def teardown(self) -> None:
        self.catalogue.check()
        self.catalogue.close()
        shutil.rmtree(self.directory)


TestCatalogueMachine = CatalogueMachine.TestCase
TestCatalogueMachine.settings = settings(max_examples=40, stateful_step_count=15, deadline=None)
