"""Real embeddings to measure with: crops of Debian's pictures through the real backbone, kept in `.cache/features`.

Past the number that was extracted, rows are mixtures of two real embeddings with a little of a third: they keep the
spectrum and the density of real ones, which random noise has not.
"""

from __future__ import annotations

import io
import random
import sys
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.pictures import files
from simd.config import DEFAULT_MODEL
from simd.featurize.engines.openvino import OpenVinoEngine
from simd.featurize.featurizer import Featurizer
from simd.featurize.models.model import Model, resolve
from simd.types import Pixels, Vector
from simd.vectors.metric import half, normalise

CACHE = Path(__file__).parent.parent / ".cache"
_CHUNK = 4096
_LARGEST_PIXELS = 4_000_000


def real(count: int, name: str = DEFAULT_MODEL) -> Vector:
    """`count` embeddings float32 `(count, dimension)` by a model, of different crops, in random order; made once."""
    model = resolve(name, CACHE / "models")
    path = CACHE / "features" / f"{model.directory.name}-{count}.npy"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, extract(model, count).astype(np.float16))
    return np.asarray(np.load(path), dtype=np.float32)


def extract(model: Model, count: int) -> Vector:
    """Run the backbone over `count` random crops of the picture packages."""
    featurizer = Featurizer(OpenVinoEngine(model, threads=2, throughput=True), model)
    out = np.empty((count, model.spec.dimension), np.float32)
    done = 0
    with ThreadPoolExecutor(2) as pool:
        for pixels in _batches(pool, count):
            take = pixels[: count - done]
            out[done : done + len(take)] = featurizer.embed(take)
            done += len(take)
            if done % 10_240 < len(take):
                print(f"{done} of {count} embeddings", file=sys.stderr)
            if done == count:
                break
    return out[np.random.default_rng(0).permutation(count)]


def mixed(base: Vector, rows: int, seed: int = 0) -> Iterator[Vector]:
    """`rows` embeddings made of the real ones, float32 chunks."""
    generator = np.random.default_rng(seed)
    for start in range(0, rows, _CHUNK):
        n = min(_CHUNK, rows - start)
        first, second, third = generator.integers(0, len(base), (3, n))
        share = generator.uniform(0.55, 0.95, (n, 1)).astype(np.float32)
        yield half(normalise(share * base[first] + (1 - share) * base[second] + 0.1 * base[third]))


def _batches(pool: ThreadPoolExecutor, count: int) -> Iterator[Pixels]:
    """Pictures at the model's size, a batch a source picture."""
    sources = [p for package in ("openclipart-png", "tuxpaint-stamps-default") for p in files(package)]
    random.Random(0).shuffle(sources)
    each = -(-count // len(sources)) + 2
    ahead = [pool.submit(_crops, source, each) for source in sources[:8]]
    for source in [*sources[8:], *[None] * 8]:
        crops = ahead.pop(0).result()
        if source is not None:
            ahead.append(pool.submit(_crops, source, each))
        if len(crops):
            yield crops


def _crops(source: Path, count: int) -> Pixels:
    """Random crops of one picture: the whole first, then windows of 40 to 95 % of each side."""
    generator = random.Random(source.name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(source.read_bytes())) as image:
                if image.width * image.height > _LARGEST_PIXELS:
                    return np.empty((0, 224, 224, 3), np.uint8)
                rgba = image.convert("RGBA")
        except (OSError, ValueError, Image.DecompressionBombError):
            return np.empty((0, 224, 224, 3), np.uint8)
    picture = Image.alpha_composite(Image.new("RGBA", rgba.size, (240, 240, 240, 255)), rgba).convert("RGB")
    found = []
    for number in range(count):
        width, height = (int(side * generator.uniform(0.4, 0.95)) if number else side for side in picture.size)
        left, top = generator.randint(0, picture.width - width), generator.randint(0, picture.height - height)
        box = (left, top, left + max(1, width), top + max(1, height))
        found.append(np.asarray(picture.resize((224, 224), Image.Resampling.BILINEAR, box=box)))
    return np.stack(found)
