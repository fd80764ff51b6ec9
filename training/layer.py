"""The linear layer on the features of a trunk that stays as it is: whitened to begin with, then learned in a minute."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.front import Front
from training.loader import Views, batches, numbered
from training.losses import contrastive
from training.network import DIMENSION, Network

_STEPS, _PICTURES, _RATE, _WARM_UP = 400, 512, 8e-3, 20
_SHRINKAGE = 0.02
_COPIES, _BATCH = 2, 48


def features(network: Network, files: Sequence[Path], cache: Path) -> Tensor:
    """float16 `(n, 1 + copies, 1744)`: of every picture as it is and of doctored copies. Kept in `cache`."""
    if cache.exists():
        kept: Tensor = torch.load(cache, weights_only=True)
        return kept
    blocks = len(network.blocks)
    views = Views(files, copies=_COPIES, always_clean=True)
    found = []
    for x, levels in Front(network, blocks).ahead(batches(views, numbered(len(files), _BATCH))):
        with torch.no_grad():
            made = network.features(x, levels, blocks).half()
        found.append(made.unflatten(0, (1 + _COPIES, -1)).transpose(0, 1))
        if len(found) % 20 == 0:
            print(f"features: {len(found) * _BATCH} of {len(files)} pictures", flush=True)
    torch.save(torch.cat(found), cache)
    return torch.cat(found)


def whiten(layer: nn.Linear, samples: Tensor) -> None:
    """Set the layer to the principal components of samples `(n, 1744)`, each divided by its spread; the smaller ones by
    more than it, as they are mostly noise."""
    x = samples.double().numpy()
    mean = x.mean(0)
    values, vectors = np.linalg.eigh(np.cov((x - mean).T))
    values, vectors = values[::-1][:DIMENSION], vectors[:, ::-1][:, :DIMENSION]
    matrix = vectors / np.sqrt(values + _SHRINKAGE * values.mean())
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(matrix.T.copy()))
        layer.bias.copy_(torch.from_numpy(-mean @ matrix))


def learn(layer: nn.Linear, samples: Tensor) -> None:
    """Learn the layer from `(pictures, views, 1744)`: two views of each picture of a batch, in 400 steps."""
    whiten(layer, samples.flatten(0, 1).float())
    optimiser = torch.optim.AdamW(layer.parameters(), lr=_RATE, weight_decay=1e-2)
    chance = torch.Generator().manual_seed(0)
    for step in range(_STEPS):
        for group in optimiser.param_groups:
            group["lr"] = _RATE * min(1.0, (step + 1) / _WARM_UP) * 0.5 * (1 + math.cos(math.pi * step / _STEPS))
        rows = torch.randperm(len(samples), generator=chance)[:_PICTURES]
        order = torch.rand(len(rows), samples.shape[1], generator=chance).argsort(1)
        pair = [F.normalize(layer(samples[rows, order[:, k]].float()), dim=1) for k in (0, 1)]
        loss = contrastive(torch.cat(pair))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if step % 100 == 99:
            print("layer, step", step + 1, "loss", round(loss.item(), 3), flush=True)
