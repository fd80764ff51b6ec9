"""Has another package choose among vectors; run by the Python of its environment: `peer_choosing.py METHOD IN OUT`.

IN is a NumPy archive: for each number i from 0 `vectors<i>`, float32 `(n, d)`, and `rounds<i>`, how many are labelled
in each round and how many rounds there are. OUT is another: for each number
the rows in their order, `seconds` for each, and `peak_mib`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from resource import RUSAGE_SELF, getrusage
from typing import Any

import numpy as np

Choose = Callable[[Any, int, int], list[int]]


def mundig(vectors: Any, each: int, rounds: int, typical: bool = False) -> list[int]:
    """lightly-mundig: far from what is chosen, and on request typical, too."""
    from lightly_mundig import Selection

    selection = Selection()
    rows = vectors.tolist()
    selection.add_diversifying_strategy(rows, 1.0)
    if typical:
        selection.add_subpart_typicality_strategy(rows, [[row] for row in range(len(rows))], 1.0, 20)
    return list(selection.run_selection([], len(rows), min(each * rounds, len(rows))))


def activeml(vectors: Any, each: int, rounds: int, name: str) -> list[int]:
    """scikit-activeml, which is asked anew for each round."""
    from skactiveml import pool

    options = {"ProbCover": {"n_classes": each}}.get(name, {})
    strategy = getattr(pool, name)(missing_label=-1, random_state=0, **options)
    labels = np.full(len(vectors), -1)
    chosen: list[int] = []
    for _ in range(rounds):
        count = min(each, len(vectors) - len(chosen))
        chosen += strategy.query(vectors, labels, batch_size=count).tolist()
        # None of these looks at what the labels are.
        labels[chosen] = 0
    return chosen


METHODS: dict[str, Choose] = {
    "mundig": mundig,
    "mundig-typical": lambda vectors, each, rounds: mundig(vectors, each, rounds, typical=True),
    **{
        name: lambda vectors, each, rounds, name=name: activeml(vectors, each, rounds, name)  # type: ignore[misc]
        for name in ("CoreSet", "MaxHerding", "ProbCover", "TypiClust")
    },
}


def main() -> None:
    """Choose."""
    method, asked, answer = sys.argv[1:]
    found: dict[str, Any] = {}
    seconds = []
    with np.load(asked) as arrays:
        for number in range(len(arrays.files) // 2):
            vectors, (each, rounds) = arrays[f"vectors{number}"], arrays[f"rounds{number}"].tolist()
            began = time.perf_counter()
            rows = METHODS[method](vectors, each, rounds)
            seconds.append(time.perf_counter() - began)
            found[str(number)] = np.array(rows, np.int64)
    np.savez(answer, seconds=np.array(seconds), peak_mib=getrusage(RUSAGE_SELF).ru_maxrss / 1024, **found)


if __name__ == "__main__":
    main()
