"""What chooses pictures to label: the strategies of `simctl suggest`, chance, and other packages.

Ours are given the pool as an index of its own, and the pairs of the same picture that simd finds in it by itself.
Each of the others has an environment of its own; it is given the vectors, and says how many it would label a round.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from benchmarks.daemon import MODELS
from benchmarks.environments import environment
from benchmarks.labelled import Rows
from benchmarks.pools import Pool
from benchmarks.renditions import kept
from simd.config import DEFAULT_MODEL
from simd.featurize.models.model import resolve
from simd.featurize.models.registry import levels_of
from simd.featurize.models.spec import Levels
from simd.index.brute import BruteIndex
from simd.insight.groups.components import Components
from simd.insight.groups.stars import Edges, connected
from simd.insight.suggest.making import Making, Sizes
from simd.insight.suggest.pool import Pool as Images
from simd.insight.suggest.suggestion import Question, Strategy
from simd.jobs.jobs import Progress
from simd.types import Embedding, ImageId, image_id_of
from simd.vectors.ids import pack_ids, unpack_ids

ROUNDS = 5
"""Labels a class that are asked for, a round each."""


class Method(Protocol):
    """What chooses."""

    @property
    def name(self) -> str:
        """In the table."""

    def choose(self, pools: Sequence[Pool]) -> list[Rows]:
        """Of each pool rows in the order in which they are to be labelled, `ROUNDS` for each class if there are."""


class Unavailable(Exception):
    """A package cannot be measured here; the text says why."""


@dataclass(frozen=True, slots=True)
class Ours:
    """A strategy of `simctl suggest`; `uncertain` after a round of `coverage`, and with the labels of each round.

    Attributes:
        strategy: which.
        levels: of the model.
        paired: whether it is told which images are one picture, as simd finds out.
    """

    strategy: Strategy
    levels: Levels | None
    paired: bool = True

    @property
    def name(self) -> str:
        """As the option of the command."""
        return f"simd {self.strategy.value}" + ("" if self.paired else ", no pairs")

    def choose(self, pools: Sequence[Pool]) -> list[Rows]:
        """With the code of the daemon, on an index of each pool."""
        return [self._choose(pool) for pool in pools]

    def _choose(self, pool: Pool) -> Rows:
        # By content: ids decide about nothing but equals and the order of samples.
        names = [image_id_of(vector.tobytes() + b"%d" % row) for row, vector in enumerate(pool.vectors)]
        index = BruteIndex(pool.vectors.shape[1])
        index.put([Embedding(name, vector) for name, vector in zip(names, pool.vectors, strict=True)])
        row_of = {name: row for row, name in enumerate(names)}
        wanted = ROUNDS * pool.number
        if self.strategy is not Strategy.UNCERTAIN:
            return self._asked(index, pool, row_of, self.strategy, np.empty(0, np.int64), wanted)
        chosen = self._asked(index, pool, row_of, Strategy.COVERAGE, np.empty(0, np.int64), pool.number)
        while chosen.size < wanted:
            # Nothing is uncertain where all labels are the same.
            strategy = self.strategy if len(np.unique(pool.classes[chosen])) > 1 else Strategy.COVERAGE
            more = self._asked(index, pool, row_of, strategy, chosen, pool.number)
            if not more.size:
                break
            chosen = np.concatenate([chosen, more])
        return chosen

    def _asked(
        self, index: BruteIndex, pool: Pool, row_of: dict[ImageId, int], strategy: Strategy, labelled: Rows, limit: int
    ) -> Rows:
        """Suggestions where some rows are labelled."""
        ids = pack_ids(sorted(row_of))
        rows = np.array([row_of[name] for name in unpack_ids(ids)])
        together = _together(pool) if self.paired else np.arange(len(rows))
        is_labelled = np.isin(rows, labelled)
        is_same = ~is_labelled & np.isin(together[rows], together[labelled])
        place = np.argsort(rows)
        images = Images(
            images=len(rows),
            labelled_images=len(labelled),
            same=int(is_same.sum()),
            passed=0,
            free=ids[~(is_labelled | is_same)],
            labelled=ids[is_labelled],
            label=pool.classes[rows[is_labelled]].astype(np.int32),
            kinds=[(str(number),) for number in range(pool.classes.max() + 1)],
            skipped=ids[:0],
            components=Components(ids, _first(place[together[rows]])),
            apart=(),
        )
        with index.view() as view:
            question = Question(limit=limit, strategy=strategy)
            suggested = Making(view, images, question, self.levels, Progress(), Sizes()).make()
        return np.array([row_of[one.image_id] for one in suggested.suggestions], np.int64)


@dataclass(frozen=True, slots=True)
class Chance:
    """Pictures at random."""

    name: str = "random"

    def choose(self, pools: Sequence[Pool]) -> list[Rows]:
        """Pools are in a random order."""
        return [np.arange(min(ROUNDS * pool.number, len(pool.classes))) for pool in pools]


@dataclass(frozen=True, slots=True)
class Peer:
    """A method of another package (`peer_choosing.py`).

    Attributes:
        name: in the table.
        method: its name there.
        package: what to install.
    """

    name: str
    method: str
    package: str

    def choose(self, pools: Sequence[Pool]) -> list[Rows]:
        """What it chose before for the same pools is kept.

        Raises:
            Unavailable: the package cannot be installed here.
        """
        digest = hashlib.blake2b(f"{self.package} {self.method} {ROUNDS}".encode(), digest_size=12)
        for pool in pools:
            digest.update(pool.vectors.tobytes())
        found = kept(f"chosen-{self.method}-{digest.hexdigest()}", partial(self._run, pools))
        return [found[str(number)].astype(np.int64) for number in range(len(pools))]

    def _run(self, pools: Sequence[Pool]) -> dict[str, npt.NDArray[np.generic]]:
        print(f"{self.name} chooses from {len(pools)} pools", file=sys.stderr)
        with tempfile.TemporaryDirectory() as scratch:
            asked, answer = Path(scratch) / "asked.npz", Path(scratch) / "answer.npz"
            arrays = {f"vectors{number}": pool.vectors for number, pool in enumerate(pools)}
            arrays |= {f"rounds{number}": np.array([pool.number, ROUNDS]) for number, pool in enumerate(pools)}
            np.savez(asked, **arrays)  # type: ignore[arg-type]
            self.run(asked, answer)
            with np.load(answer) as found:
                return dict(found)

    def run(self, asked: Path, answer: Path) -> None:
        """Run the program of the package.

        Raises:
            Unavailable: as for `choose`.
        """
        try:
            venv = environment(self.package.split("==")[0], "3.12", (self.package, "numpy>=2,<3"))
            program = Path(__file__).with_name("peer_choosing.py")
            subprocess.run([str(venv / "bin/python"), str(program), self.method, str(asked), str(answer)], check=True)
        except (OSError, subprocess.SubprocessError) as error:
            raise Unavailable(f"{self.package} cannot be run here: {error}") from error


MUNDIG, ACTIVEML = "lightly-mundig==0.1.16", "scikit-activeml==1.0.1"


def methods() -> list[Method]:
    """The rows of the table; chance is the first."""
    levels = levels_of(resolve(DEFAULT_MODEL, MODELS))
    ours = [Ours(strategy, levels) for strategy in (Strategy.COVERAGE, Strategy.UNCERTAIN, Strategy.DIVERSE)]
    return [
        Chance(),
        *ours,
        Ours(Strategy.COVERAGE, levels, paired=False),
        Peer("TypiClust", "TypiClust", ACTIVEML),
        Peer("ProbCover", "ProbCover", ACTIVEML),
        Peer("mundig, diversity", "mundig", MUNDIG),
        Peer("mundig, typical too", "mundig-typical", MUNDIG),
    ]


def _together(pool: Pool) -> Rows:
    """For each row the first of those that are the same picture."""
    first, second = (pool.same[:, side].astype(np.int32) for side in (0, 1))
    return connected(len(pool.classes), Edges(first, second)).astype(np.int64)


def _first(of: Rows) -> npt.NDArray[np.int32]:
    """The same components, each named by the first place that is in it."""
    _, first, inverse = np.unique(of, return_index=True, return_inverse=True)
    return first[inverse].astype(np.int32)
