"""What is made small, and what is looked at while it is: all of it of L2-normalised descriptors."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

TEMPERATURE = 0.05
_KOLEO_WEIGHT = 1.0


def contrastive(descriptors: Tensor) -> Tensor:
    """InfoNCE (arXiv 1807.03748) with every other picture of the batch as a negative, and KoLeo (arXiv 1806.03198),
    which spreads descriptors evenly, so that one distance means the same everywhere (as in SSCD, arXiv 2202.10261).

    Args:
        descriptors: `(2 * n, d)`; rows `i` and `n + i` are of one picture.
    """
    count = len(descriptors) // 2
    rows = torch.arange(2 * count)
    twin = (rows + count) % (2 * count)
    alike = descriptors @ descriptors.T
    itself = torch.eye(2 * count, dtype=torch.bool)
    found = F.cross_entropy((alike / TEMPERATURE).masked_fill(itself, -1e4), twin)
    others = alike.detach().masked_fill(itself, -2)
    others[rows, twin] = -2
    nearest = others.argmax(1)
    spread = -torch.log((descriptors - descriptors[nearest].detach()).norm(dim=1) + 1e-6).mean()
    return found + _KOLEO_WEIGHT * spread


def found_again(clean: Tensor, edited: Tensor) -> tuple[float, float]:
    """The share of edited pictures whose nearest is their own original, and the share that is found by one similarity
    for all, above which one in a hundred has a wrong answer.

    Args:
        clean: `(n, d)`.
        edited: `(n, d)`, in the same order.
    """
    alike = edited @ clean.T
    own = alike.diagonal().clone()
    first = (alike.argmax(1) == torch.arange(len(clean))).float().mean().item()
    wrong = alike.fill_diagonal_(-2).max(1).values.sort(descending=True).values
    return first, (own > wrong[len(clean) // 100]).float().mean().item()
