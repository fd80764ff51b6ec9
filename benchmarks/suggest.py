"""Whether the pictures that `simctl suggest` proposes are worth labelling, and how long it takes.

Sets of pictures with classes (`labelled.py`), pools that are drawn from them (`pools.py`), and what chooses from those
(`choosing.py`). Chosen pictures are labelled by their true classes, 1 to 5 for each class that there is, whichever
classes they are of. The vectors are those of the default model, which does not learn. The columns are means of so many
seeds, which draw pools and tests; `+-` is half of the 95 % interval:

* `1-NN`, `head`: accuracy on other pictures, in percent (`learning.py`);
* `gain`: what the accuracy of 1-NN is above that of random on the same pools;
* `classes`: the share of classes with a label; `radius`: the distance of the picture that is worst off;
* `wasted`: of 100 chosen pictures those that are an edited copy, or the original, of one that was chosen before;
* `random`: whether the interval of the accuracy of 1-NN is above that of random, below, or neither (`~`).

    python -m benchmarks.suggest [--small]
    python -m benchmarks.suggest --rows 100000

With `--rows` it is measured how long 100 suggestions take among so many vectors, and the memory (`suggesting.py`).
The first run takes an hour on two cores, most of it for comparing pictures and for scikit-activeml; later ones minutes.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks import suggesting
from benchmarks.choosing import ROUNDS, Method, Unavailable, methods
from benchmarks.labelled import SETS, Rows, labelled
from benchmarks.learning import Score, interval, score
from benchmarks.pools import KINDS, Pool, pool
from benchmarks.report import Row, arguments, publish

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Curve:
    """What a method's choice is worth on the pools of some seeds.

    Attributes:
        scores: a list for each seed, of the scores with 1, 2 and more labels a class.
        each: how many classes there are.
    """

    scores: list[list[Score]]
    each: int

    def of(self, what: str, labels: int) -> Floats:
        """A number for each seed."""
        return np.array([getattr(each[labels - 1], what) for each in self.scores], np.float64)


def curve(pools: list[Pool], chosen: list[Rows]) -> Curve:
    """Of what was chosen from pools."""
    scores = [
        [score(one, rows[: labels * one.number]) for labels in range(1, ROUNDS + 1)]
        for one, rows in zip(pools, chosen, strict=True)
    ]
    return Curve(scores, pools[0].number)


def table(name: str, kind: str, curves: dict[str, Curve]) -> list[Row]:
    """A line for each method and number of labels; the first of the methods is chance."""
    chance = next(iter(curves.values()))
    lines: list[Row] = []
    for labels in range(1, ROUNDS + 1):
        for method, found in curves.items():
            nearest, head = 100 * found.of("nearest", labels), 100 * found.of("head", labels)
            gain = nearest - 100 * chance.of("nearest", labels)
            lines.append(
                {
                    "set": name,
                    "pool": kind,
                    "labels": labels,
                    "method": method,
                    "1-NN": round(float(nearest.mean()), 1),
                    "1-NN +-": round(interval(nearest), 1),
                    "head": round(float(head.mean()), 1),
                    "head +-": round(interval(head), 1),
                    "gain": round(float(gain.mean()), 1),
                    "gain +-": round(interval(gain), 1),
                    "classes": float(found.of("classes", labels).mean()),
                    "radius": float(found.of("radius", labels).mean()),
                    "wasted": 100 * float(found.of("wasted", labels).mean()) / (labels * found.each),
                    "random": "" if found is chance else _against(nearest, 100 * chance.of("nearest", labels)),
                }
            )
    return lines


def figures(lines: list[Row]) -> dict[str, float]:
    """How a method does against chance, and what it wastes, over all sets, pools and numbers of labels."""
    found: dict[str, float] = {}
    for method in dict.fromkeys(str(line["method"]) for line in lines):
        own = [line for line in lines if line["method"] == method]
        for column in ("1-NN", "head", "classes", "wasted"):
            found[f"{method}: {column}"] = float(np.mean([float(line[column]) for line in own]))
        for verdict, sign in (("above", "above"), ("neither", "~"), ("below", "below")):
            found[f"{method}: {verdict}"] = sum(line["random"] == sign for line in own)
    return found


def main() -> None:
    """Measure and publish."""
    options = _options()
    if options.rows:
        return publish("suggest", suggesting.measured(options.rows), {"rows": options.rows}, options.json)
    names = ["stamps", "games"] if options.small else options.set or list(SETS)
    seeds = 3 if options.small else options.seeds
    drawn: dict[tuple[str, str], list[Pool]] = {}
    for name in names:
        of = labelled(name, options.threads)
        drawn |= {(name, kind): [pool(of, kind, seed) for seed in range(seeds)] for kind in KINDS}
    curves: dict[tuple[str, str], dict[str, Curve]] = {key: {} for key in drawn}
    for method in methods():
        for key, pools in drawn.items():
            if options.skip and any(part in method.name for part in options.skip):
                continue
            found = _chosen(method, pools)
            if found is not None:
                curves[key][method.name] = curve(pools, found)
    lines = [line for (name, kind), found in curves.items() for line in table(name, kind, found)]
    publish("suggest", lines, figures(lines), options.json)


def _chosen(method: Method, pools: list[Pool]) -> list[Rows] | None:
    try:
        return method.choose(pools)
    except Unavailable as error:
        print(f"no {method.name}: {error}", file=sys.stderr)
        return None


def _against(one: Floats, other: Floats) -> str:
    apart = interval(one) + interval(other)
    difference = float(one.mean() - other.mean())
    return "above" if difference > apart else "below" if difference < -apart else "~"


def _options() -> argparse.Namespace:
    parser = arguments(__doc__ or "")
    parser.add_argument("--rows", type=int, help="vectors among which suggestions are timed")
    parser.add_argument("--small", action="store_true", help="two sets and three seeds, to see whether it works")
    parser.add_argument("--set", action="append", choices=list(SETS), help="no other sets; again for more")
    parser.add_argument("--seeds", type=int, default=20, help="pools that are drawn of each kind")
    parser.add_argument("--skip", action="append", help="leave out methods with this in their names")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="cores to use")
    return parser.parse_args()


if __name__ == "__main__":
    main()
