"""The network in PyTorch: EfficientNet-Lite0 with its batch normalisations folded, inner levels, one linear layer.

Names of parameters are those of the file in the wheel (`simd/featurize/models/copy1.py` builds the same network of it).
Pictures are uint8 `(n, 3, 224, 224)`; a descriptor is float32 `(n, 512)`, L2-normalised.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from simd.featurize.models.weights import Weights

DIMENSION = 512
LEVELS = (4, 7, 10)
"""Blocks, from 0, whose outputs are described beside the head's: 40, 80 and 112 channels."""
CHANNELS = (40, 80, 112)
HEAD = 1280
FEATURES = HEAD + 2 * sum(CHANNELS)

# (repeats, kernel, stride of the first, expansion, channels out)
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_GEM_EPSILON = 1e-6


class Convolution(nn.Module):
    """A convolution with a bias and TensorFlow's SAME padding, and ReLU6 if it is activated."""

    def __init__(self, inside: int, outside: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.zeros(outside, inside // groups, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outside))
        self._stride, self._groups = stride, groups

    def forward(self, x: Tensor) -> Tensor:
        """`(n, inside, h, w)` -> `(n, outside, h / stride, w / stride)`, not activated."""
        side, size = self.kernel.shape[-1], x.shape[-1]
        padding = max((-(-size // self._stride) - 1) * self._stride + side - size, 0)
        if padding % 2:
            x = F.pad(x, (padding // 2, padding - padding // 2) * 2)
            padding = 0
        if self._groups == 1 or not self.kernel.requires_grad:
            return F.conv2d(x, self.kernel, self.bias, self._stride, padding // 2, groups=self._groups)
        # Its gradient takes nearly three times as long in bfloat16.
        with torch.autocast("cpu", enabled=False):
            return F.conv2d(x.float(), self.kernel, self.bias, self._stride, padding // 2, groups=self._groups)


class Block(nn.Module):
    """An inverted bottleneck: expanded, convolved by channel, projected; added to its input where shapes allow."""

    def __init__(self, inside: int, outside: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        middle = inside * expansion
        self.expand = Convolution(inside, middle, 1) if expansion > 1 else None
        self.depthwise = Convolution(middle, middle, kernel, stride, groups=middle)
        self.project = Convolution(middle, outside, 1)
        self._residual = stride == 1 and inside == outside

    def forward(self, x: Tensor) -> Tensor:
        """`(n, inside, h, w)` -> `(n, outside, h / stride, w / stride)`."""
        y = x if self.expand is None else F.relu6(self.expand(x))
        y = self.project(F.relu6(self.depthwise(y)))
        return x + y if self._residual else y


class Network(nn.Module):
    """From pictures to descriptors."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Convolution(3, 32, 3, 2)
        self.blocks = nn.ModuleList(Block(*shape) for shape in _shapes())
        self.head = Convolution(320, HEAD, 1)
        self.layer = nn.Linear(FEATURES, DIMENSION)

    def forward(self, pictures: Tensor) -> Tensor:
        """Descriptors of pictures."""
        blocks = len(self.blocks)
        return F.normalize(self.layer(self.features(*self.front(pictures, blocks), blocks)), dim=1)

    def front(self, pictures: Tensor, blocks: int) -> tuple[Tensor, list[Tensor]]:
        """What comes out of the stem and so many blocks, and the levels so far."""
        x = F.relu6(self.stem((pictures.float() - 127.0) / 128.0))
        return self._through(x, 0, blocks)

    def features(self, x: Tensor, levels: list[Tensor], blocks: int) -> Tensor:
        """float32 `(n, 1744)`: what the layer takes, from what `front` gave for so many blocks."""
        x, more = self._through(x, blocks, len(self.blocks))
        head = F.relu6(self.head(x)).float()
        parts = [F.normalize(_gem(head.clamp(min=_GEM_EPSILON)), dim=1)]
        for level in (*levels, *more):
            parts += [F.normalize(_gem(level.float().abs()), dim=1), F.normalize(level.float().mean((2, 3)), dim=1)]
        return torch.cat(parts, 1)

    def _through(self, x: Tensor, begin: int, end: int) -> tuple[Tensor, list[Tensor]]:
        levels = []
        for index in range(begin, end):
            x = self.blocks[index](x)
            if index in LEVELS:
                levels.append(x)
        return x, levels

    def learned(self, frozen: int) -> Iterator[nn.Parameter]:
        """The parameters of the trunk behind the first `frozen` blocks, the layer's not among them."""
        for block in list(self.blocks)[frozen:]:
            yield from block.parameters()
        yield from self.head.parameters()


def _shapes() -> Iterator[tuple[int, int, int, int, int]]:
    channels = 32
    for repeats, kernel, stride, expansion, out in _STAGES:
        for repeat in range(repeats):
            yield channels, out, kernel, stride if repeat == 0 else 1, expansion
            channels = out


def _gem(x: Tensor) -> Tensor:
    """Generalised mean (p = 3) over the places of maps that are not negative: `(n, c, h, w)` -> `(n, c)`."""
    mean = (x * x * x).mean((2, 3))
    return mean.clamp(min=1e-12).pow(1.0 / 3.0)


def imagenet(weights: Weights) -> Network:
    """The network as ImageNet left it, its layer zero.

    Args:
        weights: what `read_weights` returned.
    """
    network = Network()
    with torch.no_grad():
        _fold(network.stem, weights, "_conv_stem", "_bn0")
        _fold(network.head, weights, "_conv_head", "_bn1")
        for index, block in enumerate(network.blocks):
            assert isinstance(block, Block)
            name = f"_blocks.{index}"
            if block.expand is not None:
                _fold(block.expand, weights, f"{name}._expand_conv", f"{name}._bn0")
            _fold(block.depthwise, weights, f"{name}._depthwise_conv", f"{name}._bn1")
            _fold(block.project, weights, f"{name}._project_conv", f"{name}._bn2")
    return network


def _fold(convolution: Convolution, weights: Weights, name: str, norm: str) -> None:
    gamma, beta, mean, variance = (
        torch.from_numpy(weights[f"{norm}.{part}"]).double()
        for part in ("weight", "bias", "running_mean", "running_var")
    )
    scale = gamma / torch.sqrt(variance + 1e-3)
    kernel = torch.from_numpy(weights[f"{name}.weight"]).double() * scale[:, None, None, None]
    convolution.kernel.copy_(kernel)
    convolution.bias.copy_(beta - mean * scale)
