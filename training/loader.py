"""Pictures and their doctored copies as batches, made by worker processes in an order that the seeds alone decide."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from training.views import clean, doctored

Thumbs = npt.NDArray[np.float32]
_SMALL = 32
_SAME_RMS, _SAME_CORRELATION = 12.0, 0.95


class Views(Dataset[Tensor]):
    """Views of pictures. An item is `(picture, seed)`: uint8 `(1 + copies, 3, 224, 224)`, the view that is to be found
    and the doctored ones by which it is.

    Args:
        files: the pictures.
        copies: how many doctored ones.
        always_clean: whether the first is always the picture as it is, and not doctored every other time.
    """

    def __init__(self, files: Sequence[Path], *, copies: int = 1, always_clean: bool = False) -> None:
        self._files = files
        self._copies = copies
        self._always_clean = always_clean

    def __getitem__(self, item: tuple[int, int]) -> Tensor:
        index, seed = item
        chance = random.Random(seed * 1_000_003 + index)
        picture, other = self._read(index), self._read(chance.randrange(len(self._files)))
        as_is = self._always_clean or chance.random() < 0.5
        views = [clean(picture) if as_is else doctored(picture, chance, other)]
        views += [doctored(picture, chance, other) for _ in range(self._copies)]
        return torch.from_numpy(np.stack([np.asarray(view) for view in views]).transpose(0, 3, 1, 2).copy())

    def __len__(self) -> int:
        return len(self._files)

    def _read(self, index: int) -> Image.Image:
        return Image.open(self._files[index]).convert("RGB")


def batches(views: Views, items: Sequence[Sequence[tuple[int, int]]], workers: int = 2) -> Iterator[Tensor]:
    """uint8 `((1 + copies) * n, 3, 224, 224)` for each batch of `n` items: first all that are to be found, then their
    copies."""
    loader = DataLoader(
        views, batch_sampler=list(items), num_workers=workers, prefetch_factor=2, worker_init_fn=_one_thread
    )
    for views_of_each in loader:
        yield views_of_each.transpose(0, 1).flatten(0, 1).contiguous(memory_format=torch.channels_last)


def numbered(count: int, size: int, seed: int = 0) -> list[list[tuple[int, int]]]:
    """Each of `count` pictures once, in order, as batches of `size`."""
    return [[(index, seed) for index in range(at, min(at + size, count))] for at in range(0, count, size)]


def distinct(files: Sequence[Path]) -> list[Path]:
    """The pictures without those that are the same as an earlier one: as they are or mirrored, 32 x 32 pixels differ by
    12 of 255 at most (root of the mean square) and correlate by 0.95 or more. To call those different would teach the
    network to tell copies apart."""
    thumbs = np.stack(
        [np.asarray(Image.open(file).convert("RGB").resize((_SMALL, _SMALL)), np.float32) for file in files]
    )
    flat, mirrored = thumbs.reshape(len(files), -1), thumbs[:, :, ::-1].reshape(len(files), -1)
    kept = np.ones(len(files), np.bool_)
    for other in (flat, mirrored):
        for start in range(0, len(files), 512):
            same = _same(flat[start : start + 512], other)
            earlier = np.arange(len(files))[None] < np.arange(start, start + len(same))[:, None]
            kept[start : start + len(same)] &= ~(same & earlier).any(1)
    return [file for file, keep in zip(files, kept, strict=True) if keep]


def _same(some: Thumbs, others: Thumbs) -> npt.NDArray[np.bool_]:
    squares = (some**2).sum(1)[:, None] + (others**2).sum(1)[None] - 2 * some @ others.T
    centred, all_centred = _centred(some), _centred(others)
    result: npt.NDArray[np.bool_] = (squares / some.shape[1] <= _SAME_RMS**2) & (
        centred @ all_centred.T >= _SAME_CORRELATION
    )
    return result


def _centred(thumbs: Thumbs) -> Thumbs:
    centred = thumbs - thumbs.mean(1, keepdims=True)
    result: Thumbs = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-6)
    return result


def _one_thread(_: int) -> None:
    torch.set_num_threads(1)
