"""Pictures as vectors of the default model, made once and kept in `.cache/quality`."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from functools import partial
from itertools import islice

import numpy as np
import numpy.typing as npt

from benchmarks.daemon import MODELS
from benchmarks.renditions import Source, decoded, kept, workers
from simd.config import DEFAULT_MODEL
from simd.featurize.decode.decode import DECODER_VERSION
from simd.featurize.engines.openvino import OpenVinoEngine
from simd.featurize.models.model import resolve
from simd.types import Vector
from simd.vectors.metric import half, normalise

_BATCH = 64


def embedded(name: str, sources: Sequence[Source], processes: int) -> Vector:
    """float32 `(n, d)`, L2-normalised and rounded as an index has them; zeros where a picture cannot be decoded."""
    model = resolve(DEFAULT_MODEL, MODELS)
    whole = "\n".join([DECODER_VERSION, model.fingerprint.hex(), *(source.identity for source in sources)])

    def made() -> dict[str, npt.NDArray[np.generic]]:
        print(f"embedding {len(sources)} pictures: {name}", file=sys.stderr)
        side = model.spec.input_height
        blank = np.zeros((side, side, 3), np.uint8)
        engine = OpenVinoEngine(model, threads=processes, throughput=True)
        rows = []
        with workers(processes) as pool:
            found = pool.map(partial(decoded, sides=(side,)), sources, chunksize=16)
            while batch := list(islice(found, _BATCH)):
                there = np.array([each is not None for each in batch])
                pixels = np.stack([blank if each is None else np.asarray(each[0]) for each in batch])
                rows.append(half(normalise(engine.run(pixels))) * there[:, np.newaxis])
        engine.close()
        return {"rows": np.concatenate(rows).astype(np.float16)}

    digest = hashlib.blake2b(whole.encode(), digest_size=12).hexdigest()
    return kept(f"embedded-{name}-{digest}", made)["rows"].astype(np.float32)
