"""The child process that lays a map out by t-SNE: the only file that imports openTSNE.

t-SNE (van der Maaten & Hinton 2008) of a graph of nearest neighbours, with the repulsion interpolated (FIt-SNE,
Linderman et al. 2019), as openTSNE (Poličar, Stražar & Zupan 2024, JSS 109(3)) has it: early exaggeration by 12, then
none, a learning rate of n / exaggeration (Belkina et al. 2019). Memory and imported libraries end with the process.

It reads and writes raw files of one directory (`neighbours`, `distances`, `initial`, and `points` at the end), and says
on standard output, one number a line, how many iterations it has done.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt

from simd.featurize.priority import Priority, step_back
from simd.featurize.workers.process import die_with_parent

EARLY, LATE = 250, 500
"""Iterations with exaggeration, and without."""
PERPLEXITY = 15.0
NEIGHBOURS = 45
"""Three times the perplexity; those beyond hardly count."""

_EXAGGERATION = 12.0
_EVERY = 10
"""So many iterations between two reports."""
_STD = 1e-4
"""Of the initial positions: larger ones converge badly."""
_JITTER = 1e-2
_EXACT = 3000
"""Up to so many images the tree of Barnes-Hut is quicker than interpolation."""
_INTERVAL = 2
"""The width of an interval of interpolation, with 3 points in it: a width of 1 takes five times as long, and the map is
no better for it."""

Points = npt.NDArray[np.float64]


def available() -> bool:
    """Whether the extra `atlas` is installed; nothing is imported for the answer."""
    return importlib.util.find_spec("openTSNE") is not None


def lay_out(
    neighbours: npt.NDArray[np.int32],
    distances: npt.NDArray[np.float32],
    initial: Points,
    cores: int,
    report: Callable[[int], None],
) -> Points:
    """Positions of images, `(n, 2)`.

    Args:
        neighbours: the rows of the nearest neighbours of each, `(n, k)`.
        distances: how far those are, `(n, k)`.
        initial: where each begins, in any unit, `(n, 2)`.
        cores: so many threads compute.
        report: is told how many iterations are done, now and then.
    """
    from openTSNE import TSNEEmbedding
    from openTSNE.affinity import PerplexityBasedNN
    from openTSNE.nearest_neighbors import PrecomputedNeighbors

    affinities = PerplexityBasedNN(
        perplexity=min(PERPLEXITY, max(1.0, neighbours.shape[1] / 3)),
        knn_index=PrecomputedNeighbors(neighbours, distances),
        n_jobs=cores,
    )
    embedding = TSNEEmbedding(
        _begun(initial),
        affinities,
        negative_gradient_method="bh" if len(initial) <= _EXACT else "fft",
        ints_in_interval=_INTERVAL,
        n_jobs=cores,
        random_state=0,
    )
    done = 0
    for iterations, exaggeration, momentum in ((EARLY, _EXAGGERATION, 0.5), (LATE, None, 0.8)):
        before = done

        def told(iteration: int, *_: object, before: int = before) -> bool:
            report(before + iteration)
            return False

        embedding = embedding.optimize(
            iterations,
            exaggeration=exaggeration,
            momentum=momentum,
            callbacks=[told],
            callbacks_every_iters=_EVERY,
        )
        done += iterations
    found: Points = np.asarray(embedding, np.float64)
    return found


def _begun(initial: Points) -> Points:
    """The initial positions, small and nowhere the same."""
    noise = np.random.default_rng(0).normal(size=initial.shape)
    wide = initial.std(axis=0).max()
    begun = (initial - initial.mean(axis=0)) / wide if wide > 0 else np.zeros(initial.shape)
    return np.ascontiguousarray((begun + _JITTER * noise) * _STD)


def _report(done: int) -> None:
    sys.stdout.write(f"{done}\n")
    sys.stdout.flush()


def main() -> None:
    """Arguments: the process id of the parent first, as `die_with_parent` has it; the directory, how many neighbours
    there are of each image, how many threads may compute, the priority."""
    die_with_parent()
    step_back(Priority(sys.argv[6]))
    with suppress(OSError):
        # Where memory ends, this process goes, and not the daemon.
        Path("/proc/self/oom_score_adj").write_text("1000")
    directory, count, cores = Path(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])
    neighbours = np.fromfile(directory / "neighbours", np.int32).reshape(-1, count)
    distances = np.fromfile(directory / "distances", np.float32).reshape(-1, count)
    initial = np.fromfile(directory / "initial", np.float32).reshape(-1, 2).astype(np.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        points = lay_out(neighbours, distances, initial, cores, _report)
    points.astype(np.float32).tofile(directory / "points")


if __name__ == "__main__":
    # Libraries read this when they are imported.
    os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = sys.argv[5]
    main()
