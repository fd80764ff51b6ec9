"""How well pictures are found again after people had them: the table of answer quality.

Which pictures, what is asked and which answers are right: `copies.py`; the edits: `edits.py`; the rows:
`descriptors.py`. The columns, for all queries and for photographs and clip art by themselves:

* `recall@1`: of the queries whose original is in the collection, those whose first answer is right; `low` and `high`
  are its 95 % interval by bootstrap over pictures, as copies of one picture are found and missed together;
* `recall@20`: those with a right answer among the first twenty;
* `muAP`: average precision of all answers to all queries in one list by similarity, those whose original is absent
  among them: whether one threshold can tell copies from others. `muAP norm.` is the same of the similarity less the
  mean similarity of the query to its ten nearest among pictures of other packages;
* `R@P99`: the share of the copies that is found by the threshold above which 99 of 100 answers are right;
* `ms`: milliseconds of one core to describe a decoded picture; `bytes`: what a picture takes in the index.

These are of the kinds of edits that the training of the default model has versions of; `unseen@1` and `unseen muAP` are
of the others. Then follows recall@1 of each kind. `--model` adds rows: a file of weights (`training/`), or whatever the
setting `model` takes. The first twenty answers of the last row are then looked at again by local features
(`verification.py`).

Pictures of other packages are those of `python -m training .cache/training`; without them rows that are whitened and
`muAP norm.` are left out. The first run takes 20 minutes on two cores and 8 GB in `.cache/quality`, later ones seconds.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import sys
from pathlib import Path

import numpy as np

from benchmarks.answers import ANSWERS, Answers, Verdicts, judge, search
from benchmarks.copies import Bench, File, bench
from benchmarks.descriptors import Descriptor, Known, Unavailable, hashes, learned, peers, untrained
from benchmarks.edits import EDITS, TRAINED
from benchmarks.pictures import CACHE
from benchmarks.renditions import Pictures
from benchmarks.report import Row, arguments, publish
from benchmarks.verification import verified, verifiers
from simd.errors import ModelError

_BACKGROUND = 3000


def table(of: Bench, name: str, verdicts: Verdicts, size: int, ms: float) -> list[Row]:
    """A method's lines: of all queries, of photographs, of clip art."""
    photograph = of.photograph[verdicts.answers.picture]
    everything = np.ones_like(photograph)
    unseen = verdicts.answers.edit >= len(TRAINED)
    lines: list[Row] = []
    for part, chosen in (("all", everything), ("photographs", photograph), ("clip art", ~photograph)):
        usual = chosen & ~unseen
        low, high = verdicts.interval(usual)
        muap, sure = verdicts.precision(usual)
        line: dict[str, str | int | float] = {
            "method": name,
            "part": part,
            "queries": int((usual & verdicts.present).sum()),
            "recall@1": verdicts.recall(usual, 1),
            "low": low,
            "high": high,
            "recall@20": verdicts.recall(usual, ANSWERS),
            "muAP": muap,
            "muAP norm.": "" if verdicts.answers.offset is None else verdicts.precision(usual, normalised=True)[0],
            "R@P99": sure,
            "unseen@1": verdicts.recall(chosen & unseen, 1),
            "unseen muAP": verdicts.precision(chosen & unseen)[0],
            "ms": ms,
            "bytes": size,
        }
        for number, edit in enumerate(EDITS):
            line[edit] = verdicts.recall(chosen & (verdicts.answers.edit == number), 1)
        lines.append(line)
    return lines


def main() -> None:
    """Measure and publish."""
    options = _options()
    of = bench(options.threads)
    background = others(options.background, options.threads)
    lines: list[Row] = []
    rows = _rows(options, background)
    for descriptor in rows:
        try:
            answers, ms = search(of, descriptor, background)
        except Unavailable as error:
            print(f"no {descriptor.name}: {error}", file=sys.stderr)
            continue
        lines += table(of, descriptor.name, judge(of, answers), descriptor.stored_bytes, ms)
        if descriptor is rows[-1] and not options.only:
            lines += _verified(of, descriptor, (answers, ms), options)
    figures = {
        f"{line['method']} {column}": float(line[column])
        for line in lines
        for column in ("recall@1", "recall@20", "muAP", "R@P99", "unseen@1")
        if line["part"] == "all"
    }
    publish("quality", lines, figures, options.json)


def _verified(
    of: Bench, descriptor: Descriptor, found: tuple[Answers, float], options: argparse.Namespace
) -> list[Row]:
    """The lines of those who look again at some of the answers, below the line of these answers as they are."""
    answers, ms = found
    every = options.every
    some = answers.only(answers.picture % every == 0)
    suffix = f", 1 in {every}" if every > 1 else ""
    lines = table(of, descriptor.name + suffix, judge(of, some), descriptor.stored_bytes, ms) if suffix else []
    for verifier in verifiers():
        ranked, more = verified(of, some, verifier, options.threads)
        size = descriptor.stored_bytes + verifier.stored_bytes
        lines += table(of, f"{descriptor.name} + {verifier.name}{suffix}", judge(of, ranked), size, ms + more)
    return lines


def _options() -> argparse.Namespace:
    parser = arguments(__doc__ or "")
    parser.add_argument("--model", action="append", default=[], help="weights or a model to add; again for more")
    parser.add_argument("--only", action="store_true", help="no other rows than those of --model")
    parser.add_argument("--every", type=int, default=4, help="verify copies of each so many pictures, not of all")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="cores to use")
    training = CACHE.parent / "training" / "pictures"
    parser.add_argument("--background", type=Path, default=training, metavar="DIRECTORY", help="pictures of others")
    return parser.parse_args()


def _rows(options: argparse.Namespace, background: Pictures | None) -> list[Descriptor]:
    found: list[Descriptor] = []
    if not options.only:
        found = [*hashes(), *peers(options.threads), *untrained(background, options.threads)]
    for model in options.model:
        try:
            weights = Path(model).suffix == ".npz"
            found.append(learned(Path(model), options.threads) if weights else _known(model, options.threads))
        except ModelError as error:
            sys.exit(f"{model}: {error}")
    return found


def _known(name: str, threads: int) -> Descriptor:
    return Known(name, CACHE.parent / "models", threads)


def others(directory: Path, processes: int) -> Pictures | None:
    """Some of the pictures that the default model learns from, in an order that their names alone decide."""
    paths = sorted(directory.glob("*/*.jpg"))
    if not paths:
        print(f"no pictures in {directory}: run `python -m training .cache/training`", file=sys.stderr)
        return None
    chosen = random.Random(3).sample(paths, min(_BACKGROUND, len(paths)))
    found = [File(path, hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()) for path in chosen]
    return Pictures("background", found, processes)


if __name__ == "__main__":
    main()
