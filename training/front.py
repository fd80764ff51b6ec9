"""The part of the network that is not learned, run by OpenVINO in bfloat16: three times as fast as by PyTorch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import openvino as ov
import torch
from torch import Tensor, nn

from training.network import Network
from training.views import SIDE


class Front:
    """What comes out of the stem and the first blocks, and the levels so far; see `Network.front`.

    Args:
        network: as it is now; what is learned later changes nothing here.
        blocks: how many.
    """

    def __init__(self, network: Network, blocks: int) -> None:
        example = torch.zeros(1, 3, SIDE, SIDE)
        made = ov.convert_model(_Part(network, blocks), example_input=example, input=[-1, 3, SIDE, SIDE])
        hints: dict[str, Any] = {"INFERENCE_PRECISION_HINT": "bf16", "INFERENCE_NUM_THREADS": 1}
        self._compiled = ov.Core().compile_model(made, "CPU", hints)

    def __call__(self, pictures: Tensor) -> tuple[Tensor, list[Tensor]]:
        """uint8 `(n, 3, 224, 224)` -> as `Network.front` answers, float32."""
        results = self._compiled(pictures.float().contiguous().numpy())
        x, *levels = (torch.from_numpy(results[at].copy()) for at in range(len(results)))
        return x.contiguous(memory_format=torch.channels_last), levels

    def ahead(self, batches: Iterable[Tensor]) -> Iterator[tuple[Tensor, list[Tensor]]]:
        """What comes out for each batch, made beside what is done with the one before."""
        with ThreadPoolExecutor(1) as thread:
            waiting: Future[tuple[Tensor, list[Tensor]]] | None = None
            for batch in batches:
                following = thread.submit(self, batch)
                if waiting is not None:
                    yield waiting.result()
                waiting = following
            if waiting is not None:
                yield waiting.result()


class _Part(nn.Module):
    """The same as a flat tuple, which is what can be converted."""

    def __init__(self, network: Network, blocks: int) -> None:
        super().__init__()
        self._network, self._blocks = network, blocks

    def forward(self, pictures: Tensor) -> tuple[Tensor, ...]:
        x, levels = self._network.front(pictures, self._blocks)
        return (x, *levels)
