"""A million embeddings, most of them copies: pairs found, groups listed, and the memory of both.

    python -m benchmarks.manycopies [--images N] [--looked-at N]

Five images each are one picture: their embeddings are a random vector each and a little noise, their local features
those of a sample photograph. One image has 50,000 files, and 5,000 images more are copies of one. Pairs are found as
the daemon does it, by its finder with all cores, for the first images only, as at a million a search takes 10 ms;
then the pairs of all are put where the finder puts them, and groups are listed.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.daemon import peak_mib, reset_peak
from benchmarks.photographs import SAMPLES
from benchmarks.report import Row, arguments, publish
from simd.catalogue.catalogue import Catalogue
from simd.catalogue.rows import IndexedFile
from simd.decisions.decisions import Decisions
from simd.derived.kinds import FEATURES
from simd.derived.store import DerivedStore
from simd.featurize.models.spec import Levels
from simd.index.local import LocalIndex
from simd.insight.groups.groups import Groups
from simd.insight.pairs.comparison import Comparison
from simd.insight.pairs.finder import Finder
from simd.insight.pairs.look import Look
from simd.insight.pairs.pair import Pair, Tier
from simd.insight.pairs.sources import Sources
from simd.insight.pairs.store import PairStore
from simd.insight.searched import Searched
from simd.jobs.jobs import Jobs
from simd.types import Embedding, FileKey, ImageFacts, ImageId, Stamp
from simd.vectors.metric import normalise
from simd.verify.features import EDGE, FEATURES_VERSION, extract

DIMENSION = 512
COPIES = 5
STAR, EXACT = 5_000, 50_000
_NOISE = 0.2
_BATCH = 5_000
_FACTS = ImageFacts(1600, 1200, "JPEG", False)
_LEVELS = Levels(same=0.83, near=0.68, similar=0.41)
_MODEL = "ab" * 16
_WAIT_S = 0.05


class NoDecoder:
    """Nothing is decoded: no two images are of the same size and nearly the same vector."""

    def submit_file(self, path: object, wanted: object) -> object:
        """Never called."""
        raise AssertionError(path)


class Collection:
    """Images of which many are one picture."""

    def __init__(self, work: Path, images: int) -> None:
        self.images = images
        self.index = LocalIndex.open(work / "index", DIMENSION, bytes(32))
        self.catalogue = Catalogue.open(work / "catalogue.sqlite")
        self.root = self.catalogue.add_root(b"/pictures")
        self.features = DerivedStore(work / "features.sqlite", FEATURES, FEATURES_VERSION)
        self.pairs = PairStore(work / "pairs.sqlite")
        self.decisions = Decisions(work / "decisions.sqlite")

    def fill(self, looked_at: int) -> None:
        """Index all; features are kept of those that are looked at."""
        shown = [_features(path) for path in sorted(SAMPLES.iterdir())]
        # First, as the finder takes images in the order in which their files came.
        for start in range(0, EXACT, _BATCH):
            self.catalogue.record([self._file(b"copies/%d.jpg" % n, 0) for n in range(start, start + _BATCH)])
        for start in range(0, self.images, _BATCH):
            numbers = range(start, min(start + _BATCH, self.images))
            vectors = _vectors(numbers)
            self.index.put([Embedding(_id(n), vector) for n, vector in zip(numbers, vectors, strict=True)])
            if start < looked_at:
                self.features.put({_id(n): shown[n // COPIES % len(shown)] for n in numbers})
            self.catalogue.record([self._file(b"%d/%d.jpg" % (n // 1000, n), n) for n in numbers])

    def _file(self, path: bytes, number: int) -> IndexedFile:
        return IndexedFile(FileKey(self.root.root_id, path), Stamp(1000, number, number + 1), _id(number), _FACTS)

    def find(self, looked_at: int) -> float:
        """Have pairs found of so many images; seconds."""
        closing = threading.Event()
        sources = Sources(self.catalogue, NoDecoder(), closing)  # type: ignore[arg-type]
        comparison = Comparison(self.pairs, self.catalogue, self.features, sources)
        searched = Searched(self.index, _MODEL, _LEVELS)
        jobs = Jobs()
        finder = Finder(
            store=self.pairs,
            catalogue=self.catalogue,
            look=Look(self.pairs, comparison, FEATURES_VERSION),
            searched=lambda: nullcontext(searched),
            jobs=jobs,
            closing=closing,
            cores=len(os.sched_getaffinity(0)),
        )
        began = time.perf_counter()
        finder.start()
        while self.pairs.counts()[0] < looked_at:
            time.sleep(_WAIT_S)
        took = time.perf_counter() - began
        finder.close()
        jobs.close()
        return took

    def pair_all(self) -> None:
        """Keep the pairs of all images with the first of their picture, and one large star."""
        for start in range(0, self.images, _BATCH):
            numbers = range(start, min(start + _BATCH, self.images))
            self.pairs.put([_pair(n - n % COPIES, n) for n in numbers if n % COPIES])
        self.pairs.put([_pair(COPIES, n * COPIES) for n in range(2, STAR + 2)])

    def close(self) -> None:
        """Close all."""
        for each in (self.index, self.catalogue, self.features, self.pairs, self.decisions):
            each.close()


def main() -> None:
    """Measure and publish."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--looked-at", type=int, default=10_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="simd-copies-") as work:
        collection = Collection(Path(work), options.images)
        collection.fill(options.looked_at)
        results = list(_measured(collection, options.looked_at))
        collection.close()
    publish("manycopies", results, {f"{row['what']}_mib": float(row["peak MiB"]) for row in results}, options.json)


def _measured(collection: Collection, looked_at: int) -> Iterator[Row]:
    reset_peak(os.getpid())
    seconds = collection.find(looked_at)
    yield _row("find", looked_at, seconds)
    collection.pair_all()
    groups = Groups(catalogue=collection.catalogue, pairs=collection.pairs, decisions=collection.decisions)
    reset_peak(os.getpid())
    began = time.perf_counter()
    found = groups.find()
    yield _row("groups", len(found), time.perf_counter() - began)
    began = time.perf_counter()
    groups.find()
    yield _row("groups_again", len(found), time.perf_counter() - began)


def _row(what: str, count: int, seconds: float) -> Row:
    return {
        "what": what,
        "count": count,
        "s": round(seconds, 3),
        "ms each": round(seconds / count * 1e3, 3),
        "peak MiB": round(peak_mib(os.getpid())),
    }


def _id(number: int) -> ImageId:
    return ImageId(hashlib.blake2b(b"%d" % number, digest_size=16).digest())


def _vectors(numbers: range) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    subjects = np.stack([_unit(f"subject {number // COPIES}") for number in numbers])
    noise = np.stack([_unit(f"image {number}") for number in numbers])
    return normalise((subjects + _NOISE * noise).astype(np.float32))


def _unit(name: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    seed = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big")
    vector = np.random.default_rng(seed).normal(size=DIMENSION)
    return np.asarray(vector / np.linalg.norm(vector))


def _pair(one: int, other: int) -> Pair:
    first, second = sorted((_id(one), _id(other)))
    return Pair(first, second, Tier.NEAR, 0.95, 1.0)


def _features(path: Path) -> bytes:
    with Image.open(path) as image:
        picture = image.convert("RGB")
    picture.thumbnail((EDGE, EDGE))
    return extract(np.asarray(picture)).to_bytes()


if __name__ == "__main__":
    main()
