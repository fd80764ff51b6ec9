"""TIFFs that Pillow reads wrong or not at all.

TIFF is many formats. `kind_of` tells from the directory which one a file is; `opened` and `righted` mend what Pillow
makes of some kinds; `decoded` takes the samples of others from libtiff, by way of the package imagecodecs.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImagePalette, TiffImagePlugin

from simd.featurize.decode.levels import Levels, Samples, Scale, extent, high_bits, levels, picture, rows
from simd.featurize.models.directory import first_directory

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _ORIENTATION, _SAMPLES = 256, 257, 258, 259, 262, 274, 277
_PLANAR, _COLOUR_MAP, _TILE_WIDTH, _TILE_HEIGHT, _EXTRA, _SAMPLE_FORMAT, _SUBSAMPLING = (
    284,
    320,
    322,
    323,
    338,
    339,
    530,
)

_MIN_IS_WHITE, _MIN_IS_BLACK, _RGB, _PALETTE = range(4)
_UNSIGNED, _SIGNED, _FLOAT = 1, 2, 3
_ASSOCIATED, _UNASSOCIATED = 1, 2
_UNCOMPRESSED = 1

_COMPRESSIONS = {*range(1, 11), *range(32766, 32774), 32809, 32946, *range(34661, 34930), *range(50000, 50004)}
_PHOTOMETRICS = {0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 32844, 32845}
"""What a sound file may have. What has something else is damaged."""

_BEYOND_PILLOW = {34887, 50001}
"""Compressions that Pillow's libtiff lacks: LERC, WebP."""
_OF_LIBRARY = {1, 2, 3, 4, 5, 8, 32773, 32946, 34887, 34925, 50000, 50001}
"""Those that imagecodecs' has, without JPEG, of which it makes colours of its own."""

_SIXTEEN_BITS = 4096
"""An integer picture of more bits whose greatest value is no less has 16 bits; below, as many as that value needs."""
_MAX_SAMPLES = 8
_LOOKED_AT = 1 << 20
"""About so many samples of floats are looked at to tell their scale."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What its directory says of a TIFF.

    Attributes:
        order: "<" or ">".
        bits: of each sample; 0 where they differ.
        extra: what the samples beyond the colours are.
        colour_map: all reds, all greens, all blues.
        planar: whether each channel is stored apart from the others.
        tile: width and height of the parts that are decoded at once; zeros where it is stored in strips.
        subsampled: whether it has fewer samples of colour than of brightness.
    """

    order: str
    big: bool
    width: int
    height: int
    bits: int
    samples: int
    sample_format: int
    photometric: int
    compression: int
    planar: bool
    extra: tuple[int, ...]
    orientation: int
    colour_map: tuple[int, ...]
    tile: tuple[int, int]
    subsampled: bool

    @property
    def grey(self) -> bool:
        """Whether it has one channel of brightness."""
        return self.photometric in (_MIN_IS_WHITE, _MIN_IS_BLACK)

    @property
    def described(self) -> str:
        """With an article, to complete "it is ..."."""
        stored = "big-endian BigTIFF" if self.big and self.order == ">" else "TIFF"
        return (
            f"a {stored} picture with {self.samples} x {self.bits or 'several'} bits, sample format "
            f"{self.sample_format}, colours {self.photometric} and compression {self.compression}"
        )

    @property
    def misread(self) -> bool:
        """Whether Pillow fails at it, or makes something else of it that cannot be mended."""
        wide = self.bits > 16 or (self.bits == 16 and self.sample_format == _SIGNED)
        return (
            (self.big and self.order == ">")
            or self.compression in _BEYOND_PILLOW
            # Its bytes are swapped twice.
            or (self.order == ">" and self.compression != _UNCOMPRESSED and wide)
            or (self.planar and self.grey and self.extra[:1] in ((_ASSOCIATED,), (_UNASSOCIATED,)))
        )

    @property
    def decodable(self) -> bool:
        """Whether `decoded` takes it."""
        channels = {_RGB: 3}.get(self.photometric, 1)
        widths = (16, 32, 64) if self.sample_format == _FLOAT else range(1, 33)
        return (
            self.photometric <= _PALETTE
            and self.compression in _OF_LIBRARY
            and self.sample_format in (_UNSIGNED, _SIGNED, _FLOAT)
            and self.bits in widths
            and channels <= self.samples <= _MAX_SAMPLES
            and (self.photometric != _PALETTE or len(self.colour_map) == 3 << self.bits)
        )

    @property
    def sample_bytes(self) -> int:
        """How wide a sample is in memory."""
        return next(width for width in (1, 2, 4, 8) if 8 * width >= self.bits)

    @property
    def memory(self) -> int:
        """Bytes that `decoded` takes at most: samples, a tile of them as stored and as unpacked, ours and Pillow's."""
        pixels, at_once = self.width * self.height, self.tile[0] * self.tile[1]
        return (pixels + 2 * at_once) * self.samples * self.sample_bytes + 12 * pixels


def kind_of(data: bytes) -> Kind | None:
    """What kind a file is; None where its directory cannot be read, or says what none can say."""
    tags = first_directory(data)
    if tags is None or _WIDTH not in tags or _HEIGHT not in tags:
        return None
    bits = tags.values(_BITS) or (1,)
    formats = tags.values(_SAMPLE_FORMAT) or (_UNSIGNED,)
    kind = Kind(
        order=tags.order,
        big=tags.big,
        width=tags.value(_WIDTH, 0),
        height=tags.value(_HEIGHT, 0),
        bits=bits[0] if len(set(bits)) == 1 else 0,
        samples=tags.value(_SAMPLES, 1),
        sample_format=formats[0] if len(set(formats)) == 1 else 0,
        photometric=tags.value(_PHOTOMETRIC, 0),
        compression=tags.value(_COMPRESSION, _UNCOMPRESSED),
        planar=tags.value(_PLANAR, 1) == 2 and tags.value(_SAMPLES, 1) > 1,
        extra=tags.values(_EXTRA),
        orientation=tags.value(_ORIENTATION, 1),
        colour_map=tags.values(_COLOUR_MAP),
        tile=(tags.value(_TILE_WIDTH, 0), tags.value(_TILE_HEIGHT, 0)),
        subsampled=tags.values(_SUBSAMPLING) not in ((), (1, 1)),
    )
    return kind if kind.photometric in _PHOTOMETRICS and kind.compression in _COMPRESSIONS else None


def opened(data: bytes, kind: Kind) -> Image.Image:
    """The picture opened by Pillow, its pixels not decoded yet.

    Raises:
        UnidentifiedImageError: Pillow does not know the kind.
    """
    before = TiffImagePlugin.READ_LIBTIFF
    # Pillow's own reader takes the planes of some kinds for something else, and knows no samples for several pixels.
    TiffImagePlugin.READ_LIBTIFF = kind.planar or kind.subsampled
    try:
        image = Image.open(io.BytesIO(data), formats=("TIFF",))
    finally:
        TiffImagePlugin.READ_LIBTIFF = before
    if kind.photometric == _PALETTE and kind.colour_map and max(kind.colour_map) < 256:
        # Pillow keeps the high byte of each value, and some writers fill the low one.
        image.palette = ImagePalette.raw("RGB;L", bytes(kind.colour_map))
    return image


def righted(image: Image.Image, kind: Kind) -> Image.Image:
    """A grey picture as it is meant, from the values that Pillow decoded; any other picture as it is."""
    meant = kind.photometric == _MIN_IS_BLACK and (
        kind.sample_format == _FLOAT or (kind.bits == 16 and kind.sample_format == _UNSIGNED)
    )
    if meant or not kind.grey or image.mode not in ("I;16", "I", "F"):
        return image
    values = np.asarray(image)
    if kind.bits == 32 and kind.sample_format == _UNSIGNED:
        values = values.view(np.uint32)
    return picture(_levels(values, kind))


def decoded(data: bytes, kind: Kind, decode: Callable[..., Samples]) -> Image.Image:
    """The picture of a `decodable` kind.

    Args:
        data: the whole file.
        kind: of it.
        decode: `imagecodecs.tiff_decode`.

    Raises:
        Exception: the file is damaged.
    """
    shape: tuple[int, ...] = (kind.height, kind.width)
    if kind.samples > 1:
        shape = (kind.samples, *shape) if kind.planar else (*shape, kind.samples)
    letter = {_UNSIGNED: "u", _SIGNED: "i", _FLOAT: "f"}[kind.sample_format]
    kept = np.zeros(shape, np.bool_ if kind.bits == 1 and letter == "u" else f"{letter}{kind.sample_bytes}")
    # It would leave what a damaged file lacks as it was in memory.
    samples = decode(data, out=kept).reshape(shape)
    samples = np.moveaxis(samples, 0, -1) if kind.planar else samples.reshape(kind.height, kind.width, -1)
    image = picture(*_channels(samples, kind))
    image.getexif()[_ORIENTATION] = kind.orientation
    return image


def _channels(samples: Samples, kind: Kind) -> tuple[Levels, bool]:
    """The colours as 0..255, their alpha with them, and whether they were multiplied by it."""
    count = 3 if kind.photometric == _RGB else 1
    if kind.photometric == _PALETTE:
        colours = _looked_up(samples[:, :, 0], kind)
    else:
        colours = _levels(samples[:, :, :count], kind)
    if kind.extra[:1] not in ((_ASSOCIATED,), (_UNASSOCIATED,)) or samples.shape[2] <= count:
        return colours, False
    alpha = levels(samples[:, :, count : count + 1], _alpha_scale(kind))
    return np.concatenate([colours, alpha], axis=2), kind.extra[0] == _ASSOCIATED


def _looked_up(indices: Samples, kind: Kind) -> Levels:
    table = np.array(kind.colour_map, np.uint16).reshape(3, -1).T
    return (table if table.max() < 256 else table >> 8).astype(np.uint8)[indices.astype(np.uint16)]


def _levels(samples: Samples, kind: Kind) -> Levels:
    found = levels(samples, _scale(samples, kind))
    return 255 - found if kind.photometric == _MIN_IS_WHITE else found


def _scale(samples: Samples, kind: Kind) -> Scale:
    """Unsigned integers of at most 16 bits by those; others by as much of their type as they use."""
    if kind.sample_format == _UNSIGNED and kind.bits <= 16:
        return high_bits(kind.bits)
    measured = extent(samples[band] for band in rows(samples))
    if kind.sample_format == _FLOAT:
        return _from_black_to_white if kind.photometric == _RGB and _is_exposed(samples) else measured.scale
    if kind.sample_format == _UNSIGNED and measured.high >= 1 << (kind.bits - 1):
        return high_bits(kind.bits)
    if measured.within_16_bits:
        full = 16 if kind.bits > 16 else 15
        return high_bits(full if measured.high >= _SIXTEEN_BITS else max(1, int(measured.high).bit_length()))
    return measured.scale


def _is_exposed(samples: Samples) -> bool:
    """Whether floats are brightness, 1 being white: most of what is not black is no brighter, though a few may be."""
    step = max(1, int((samples.size / _LOOKED_AT) ** 0.5))
    some = samples[::step, ::step]
    some = some[np.isfinite(some) & (some > 0)]
    return some.size == 0 or float(np.median(some)) <= 1.0


def _from_black_to_white(values: Samples) -> Levels:
    found: Levels = np.rint(np.clip(np.nan_to_num(values, nan=0.0), 0.0, 1.0) * 255).astype(np.uint8)
    return found


def _alpha_scale(kind: Kind) -> Scale:
    if kind.sample_format == _UNSIGNED:
        return high_bits(kind.bits)
    full = 1.0 if kind.sample_format == _FLOAT else float((1 << (kind.bits - 1)) - 1)
    return lambda values: _from_black_to_white(values / full)
