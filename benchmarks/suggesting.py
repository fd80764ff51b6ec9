"""Seconds and memory of 100 suggestions among many vectors, by the daemon's own `Suggestions`.

The vectors are clustered: subjects of very different sizes, a tenth of all images a copy of another one, with its pair.
One image in a hundred is labelled. The index, the catalogue, pairs and decisions are those of a daemon, on disk; what
is measured is one process that has opened them: the highest memory while it makes suggestions, and what it had before.
The first line is of a process that has just begun.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.choosing import MUNDIG, Peer, Unavailable
from benchmarks.daemon import MODELS, peak_mib, reset_peak, rss_mib
from benchmarks.report import Row
from simd.catalogue.catalogue import Catalogue
from simd.catalogue.rows import IndexedFile
from simd.config import DEFAULT_MODEL
from simd.decisions.decisions import Decisions
from simd.decisions.labels import Labelling
from simd.featurize.models.model import resolve
from simd.featurize.models.registry import COPY1, levels_of
from simd.index.local import LocalIndex
from simd.insight.labels.pictures import Pictures
from simd.insight.pairs.pair import Pair, Tier
from simd.insight.pairs.store import PairStore
from simd.insight.searched import Searched
from simd.insight.suggest.suggestion import Question, Strategy
from simd.insight.suggest.suggestions import Suggestions
from simd.jobs.jobs import Jobs
from simd.storage.store import StoreOptions
from simd.types import Embedding, FileKey, ImageFacts, ImageId, Stamp, Vector, image_id_of
from simd.vectors.metric import half, normalise

LIMIT = 100

_CHUNK = 10_000
_SUBJECTS = 2000
_SPREAD, _COPY_SPREAD = 1.0, 0.4
_COPIED, _LABELLED = 10, 100
_PEER_ROWS = 200_000
"""Of more the peer, which takes all vectors as Python's numbers, is not asked."""
_FACTS = ImageFacts(1600, 1200, "JPEG", False)


def clustered(rows: int) -> Iterator[Vector]:
    """Vectors float32 `(n, dimension)`, in chunks; every tenth of a chunk is a copy of the one before it."""
    chance = np.random.default_rng(0)
    subjects = _noise(chance, _SUBJECTS)
    share = 1.0 / np.arange(1, _SUBJECTS + 1)
    for start in range(0, rows, _CHUNK):
        count = min(_CHUNK, rows - start)
        of = chance.choice(_SUBJECTS, count, p=share / share.sum())
        found = normalise(subjects[of] + _SPREAD * _noise(chance, count))
        found[_COPIED - 1 :: _COPIED] = normalise(
            found[_COPIED - 2 :: _COPIED][: count // _COPIED] + _COPY_SPREAD * _noise(chance, count // _COPIED)
        )
        yield half(found)


def measured(rows: int) -> list[Row]:
    """A line for each strategy, and one for a peer if it can be asked."""
    with tempfile.TemporaryDirectory(prefix="simd-suggest-") as work:
        _fill(Path(work), rows)
        return [*_ours(Path(work), rows), *_peers(Path(work), rows)]


def _fill(work: Path, rows: int) -> None:
    options = StoreOptions(flush_rows=min(max(4096, rows // 10), 250_000))
    index = LocalIndex.open(work / "index", COPY1.dimension, bytes(32), options=options)
    catalogue, pairs = Catalogue.open(work / "catalogue.sqlite"), PairStore(work / "pairs.sqlite")
    decisions = Decisions(work / "decisions.sqlite")
    root = catalogue.add_root(b"/pictures").root_id
    start = 0
    for vectors in clustered(rows):
        numbers = range(start, start + len(vectors))
        names = [_id(number) for number in numbers]
        index.put([Embedding(name, vector) for name, vector in zip(names, vectors, strict=True)])
        stamps = [Stamp(1000, number, number + 1) for number in numbers]
        keys = [FileKey(root, b"%d/%d.jpg" % (number // 1000, number)) for number in numbers]
        catalogue.record(
            [IndexedFile(key, stamp, name, _FACTS) for key, stamp, name in zip(keys, stamps, names, strict=True)]
        )
        copies = range(_COPIED - 1, len(names), _COPIED)
        pairs.put([_pair(names[at - 1], names[at]) for at in copies])
        labelled = range(_COPIED - 2, len(names), _LABELLED)
        decisions.labels.put([Labelling(names[at], (f"label {at // _LABELLED % 20}",)) for at in labelled])
        start += len(vectors)
        if start % 100_000 == 0:
            print(f"{start} of {rows} vectors", file=sys.stderr)
    index.compact()
    for each in (index, catalogue, pairs, decisions):
        each.close()


def _ours(work: Path, rows: int) -> Iterator[Row]:
    index = LocalIndex.open(work / "index", COPY1.dimension, bytes(32))
    catalogue, pairs = Catalogue.open(work / "catalogue.sqlite"), PairStore(work / "pairs.sqlite")
    decisions, jobs = Decisions(work / "decisions.sqlite"), Jobs()
    searched = Searched(index, "the default model", levels_of(resolve(DEFAULT_MODEL, MODELS)))
    suggestions = Suggestions(
        catalogue=catalogue,
        pictures=Pictures(pairs, decisions),
        searched=lambda: nullcontext(searched),
        jobs=jobs,
    )
    same = {_id(number): _id(number - 1) for number in range(rows) if number % _CHUNK % _COPIED == _COPIED - 1}
    labelled = set(decisions.labels.all())
    for strategy in (Strategy.COVERAGE, *Strategy):
        before = rss_mib(os.getpid())
        reset_peak(os.getpid())
        began, cpu = time.perf_counter(), time.process_time()
        job = suggestions.suggest(Question(LIMIT, strategy))
        job.wait()
        found = job.result().suggestions
        took, used = time.perf_counter() - began, time.process_time() - cpu
        names = [one.image_id for one in found]
        pictures = {same.get(name, name) for name in names} - labelled
        yield {
            "method": f"simd {strategy.value}",
            "rows": rows,
            "suggestions": len(names),
            "s": took,
            "cpu s": used,
            "peak MiB": round(peak_mib(os.getpid())),
            "before MiB": round(before),
            "of a picture that is there": len(names) - len(pictures),
        }
    for each in (jobs, index, catalogue, pairs, decisions):
        each.close()


def _peers(work: Path, rows: int) -> Iterator[Row]:
    if rows > _PEER_ROWS:
        return
    asked, answer = work / "asked.npz", work / "answer.npz"
    vectors = np.concatenate(list(clustered(rows)))
    np.savez(asked, vectors0=vectors, rounds0=np.array([LIMIT, 1]))
    # The typicality of lightly-mundig compares all with all, which takes minutes.
    peer = Peer("mundig, diversity", "mundig", MUNDIG)
    try:
        peer.run(asked, answer)
    except Unavailable as error:
        print(f"no {peer.name}: {error}", file=sys.stderr)
        return
    with np.load(answer) as found:
        yield {
            "method": peer.name,
            "rows": rows,
            "suggestions": len(found["0"]),
            "s": float(found["seconds"][0]),
            "peak MiB": round(float(found["peak_mib"])),
        }


def _id(number: int) -> ImageId:
    return image_id_of(b"%d" % number)


def _pair(one: ImageId, other: ImageId) -> Pair:
    return Pair(min(one, other), max(one, other), Tier.NEAR, 0.9, 1.0)


def _noise(chance: np.random.Generator, count: int) -> npt.NDArray[np.float32]:
    """Directions at random, of a length of about 1."""
    found = chance.standard_normal((count, COPY1.dimension), dtype=np.float32)
    return np.asarray(found / np.float32(np.sqrt(COPY1.dimension)), np.float32)
