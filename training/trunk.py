"""The trunk and the layer together, on fresh views: the last blocks, or more of them.

Half of a batch is pictures at random, half is families: pictures with those that the network as it was took for the
most alike. A checkpoint holds all that is needed to go on as if nothing had been.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from training.front import Front
from training.loader import Views, batches, numbered
from training.losses import contrastive, found_again
from training.network import Network

_FAMILY = 4
_WARM_UP = 60
_SAVE_EVERY = 25
_HELD_BACK_SEED = 777


@dataclass(frozen=True, slots=True)
class Stage:
    """So many steps in which the first `frozen` blocks stay as they are.

    Attributes:
        pictures: in a batch, with two views each.
        rate: of learning, for the layer.
        trunk: the trunk's share of it.
    """

    frozen: int
    steps: int
    pictures: int = 256
    rate: float = 1e-3
    trunk: float = 0.2


def learn(
    network: Network, files: Sequence[Path], held_back: Sequence[Path], alike: Tensor, stage: Stage, checkpoint: Path
) -> None:
    """Learn in place; goes on from the checkpoint, if there is one.

    Args:
        network: learned in place.
        files: pictures to learn from.
        held_back: others, to watch what is learned.
        alike: `(n, k)`, the rows of the pictures that look most like each.
        stage: what is learned, and how long.
        checkpoint: is written now and then.
    """
    optimiser = torch.optim.AdamW(
        [
            {"params": list(network.learned(stage.frozen)), "lr": stage.rate * stage.trunk},
            {"params": list(network.layer.parameters()), "lr": stage.rate},
        ],
        weight_decay=1e-2,
    )
    rates = [group["lr"] for group in optimiser.param_groups]
    begin = 0
    if checkpoint.exists():
        kept = torch.load(checkpoint, weights_only=True)
        network.load_state_dict(kept["network"])
        optimiser.load_state_dict(kept["optimiser"])
        begin = kept["step"]
    items = list(_items(len(files), alike.numpy(), stage))[begin:]
    front = Front(network, stage.frozen)
    began = time.monotonic()
    for step, (x, levels) in enumerate(front.ahead(batches(Views(files), items)), begin):
        for group, rate in zip(optimiser.param_groups, rates, strict=True):
            group["lr"] = rate * _schedule(step, stage.steps)
        with torch.autocast("cpu", torch.bfloat16):
            features = network.features(x, levels, stage.frozen)
        loss = contrastive(F.normalize(network.layer(features), dim=1))
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        done = step + 1
        if done % 5 == 0:
            speed = (done - begin) * len(x) / (time.monotonic() - began)
            print(f"trunk, step {done} of {stage.steps}, loss {loss.item():.3f}, {speed:.0f} views/s", flush=True)
        if done % _SAVE_EVERY == 0 or done == stage.steps:
            state = {"network": network.state_dict(), "optimiser": optimiser.state_dict(), "step": done}
            fresh = checkpoint.with_suffix(".new")
            torch.save(state, fresh)
            fresh.replace(checkpoint)
        if done % (4 * _SAVE_EVERY) == 0 or done == stage.steps:
            print("held back: found again, at 1 % false: {:.4f} {:.4f}".format(*watch(network, held_back)), flush=True)


def watch(network: Network, files: Sequence[Path]) -> tuple[float, float]:
    """How well pictures that are not learned from are found again; see `found_again`."""
    items = numbered(len(files), 50, _HELD_BACK_SEED)
    with torch.no_grad():
        halves = [network(batch).chunk(2) for batch in batches(Views(files, always_clean=True), items)]
    return found_again(torch.cat([a for a, _ in halves]), torch.cat([b for _, b in halves]))


def _schedule(step: int, steps: int) -> float:
    return min(1.0, (step + 1) / _WARM_UP) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / steps)))


def _items(
    count: int, alike: np.ndarray[tuple[int, int], np.dtype[np.int64]], stage: Stage
) -> Iterator[list[tuple[int, int]]]:
    """The batches of a stage: each picture comes about equally often, and with its family every other time."""
    chance = np.random.default_rng(stage.frozen)
    waiting: list[int] = []
    for step in range(stage.steps):
        chosen: dict[int, None] = {}
        while len(chosen) < stage.pictures:
            if not waiting:
                waiting = chance.permutation(count).tolist()
            picture = waiting.pop()
            chosen[picture] = None
            if len(chosen) % 2:
                for other in chance.permutation(alike[picture])[: _FAMILY - 1].tolist():
                    if len(chosen) < stage.pictures:
                        chosen[other] = None
        yield [(picture, step + 1) for picture in chosen]
