"""Opens a picture: its header is read and held against the limits, its pixels are not decoded yet.

Pillow opens most formats. HEIC, JPEG XL and raw photographs need the libraries of the extra `formats`, which are
imported when the first such picture comes; where they are not installed, the rejection says so.

Adjusts what Pillow allows in the whole process; a worker decodes one picture at a time.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from simd.errors import ImageRejected, Reason
from simd.featurize import formats
from simd.featurize.formats import Format, Reader
from simd.featurize.headers import declared_size

Importer = Callable[[str], ModuleType]
"""`importlib.import_module`, or what a test puts in its place."""

# Image.open knows a format once its plugin is imported; nothing is then imported while a hostile file is open.
_PLUGINS = (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

_BYTES_PER_PIXEL = {"WEBP": 16, "AVIF": 14, "JPEG2000": 16, "TIFF": 8, "HEIF": 14, "JXL": 16}
"""What decoding holds at most, measured with 8 and 10 bits a channel; Pillow's own picture takes 4."""
_PROGRESSIVE_BYTES_PER_PIXEL = 6
"""A progressive JPEG is held whole, as two bytes a coefficient, however much it is shrunk."""

_TURNED_BY = {3: Image.Transpose.ROTATE_180, 5: Image.Transpose.ROTATE_90, 6: Image.Transpose.ROTATE_270}
"""LibRaw's word for how the camera was held."""


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """What one image may cost: bytes of its file, pixels of its picture."""

    max_bytes: int
    max_pixels: int


@dataclass(frozen=True, slots=True)
class Opened:
    """A picture that is within the limits.

    Attributes:
        format: the name of its format.
        width: in pixels, of the original.
        height: in pixels, of the original.
        memory: bytes that decoding it takes, about and at most.
        load: decodes it.
    """

    format: str
    width: int
    height: int
    memory: int
    load: Callable[[], Image.Image]


@dataclass(frozen=True, slots=True)
class Opener:
    """Opens pictures.

    Attributes:
        limits: what a picture may cost.
        enough: a side this long is all that is needed of a picture; JPEG can be shrunk while it is decoded.
        load_module: imports the libraries of the extra.
    """

    limits: DecodeLimits
    enough: int
    load_module: Importer

    def open(self, found: Format, data: bytes) -> Opened:
        """Read the header.

        Args:
            found: what the content is; something that is read.
            data: the whole file.

        Raises:
            ImageRejected: too many pixels, or a format that is not read here.
            Exception: whatever a library raises at a damaged file.
        """
        if declared := declared_size(found, data):
            self._admit(*declared)
        match found.reader:
            case Reader.PILLOW:
                return self._pillow(found, data)
            case Reader.HEIF:
                return self._heif(found, data)
            case Reader.JPEG_XL:
                return self._jpeg_xl(found, data, declared)
            case _:
                return self._raw(found, data)

    def _admit(self, width: int, height: int) -> None:
        if width < 1 or height < 1:
            raise ImageRejected(Reason.CORRUPT, f"the picture says that it is {width} x {height} pixels")
        if width * height > self.limits.max_pixels:
            raise ImageRejected(
                Reason.TOO_MANY_PIXELS,
                f"the picture is {width} x {height} = {width * height:,} pixels, more than the "
                f"{self.limits.max_pixels:,} allowed; raise `max_image_pixels` to admit it",
            )

    def _pillow(self, found: Format, data: bytes) -> Opened:
        image = Image.open(io.BytesIO(data), formats=(found.name,))
        width, height = image.size
        self._admit(width, height)
        image.draft(None, (self.enough, self.enough))
        memory = image.width * image.height * _BYTES_PER_PIXEL.get(found.name, 4)
        if found is formats.JPEG and image.info.get("progressive"):
            memory += width * height * _PROGRESSIVE_BYTES_PER_PIXEL
        return Opened(found.name, width, height, memory, partial(_loaded, image))

    def _heif(self, found: Format, data: bytes) -> Opened:
        library = self._library(found, "pillow_heif")
        # A thumbnail that a file carries may be of another picture, and the pool has a worker for each core already.
        library.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False, decode_threads=1)
        return self._pillow(found, data)

    def _jpeg_xl(self, found: Format, data: bytes, declared: tuple[int, int] | None) -> Opened:
        library = self._library(found, "pillow_jxl")
        if declared is None:
            raise ValueError("its header cannot be read")
        memory = declared[0] * declared[1] * _BYTES_PER_PIXEL[found.name]
        return Opened(found.name, *declared, memory, partial(self._decode_jpeg_xl, library, data))

    def _decode_jpeg_xl(self, library: Any, data: bytes) -> Image.Image:
        is_jpeg, info, content, _, _ = library.Decoder(num_threads=0)(data)
        if is_jpeg:
            return self._pillow(formats.JPEG, content).load()
        self._admit(info.width, info.height)
        mode = "F" if info.mode == "F;16" else info.mode
        return Image.frombytes(mode, (info.width, info.height), content)

    def _raw(self, found: Format, data: bytes) -> Opened:
        """The preview that the camera made: developing the sensor's values is a matter of taste."""
        library = self._library(found, "rawpy")
        try:
            with library.imread(io.BytesIO(data)) as raw:
                sizes, preview = raw.sizes, raw.extract_thumb()
        except (library.LibRawNoThumbnailError, library.LibRawUnsupportedThumbnailError) as error:
            raise ImageRejected(Reason.UNSUPPORTED, f"it is {found.described} without a preview to show") from error
        except (library.LibRawFileUnsupportedError, library.NotSupportedError) as error:
            raise ImageRejected(Reason.UNSUPPORTED, f"it is {found.described} of an unknown kind") from error
        if preview.format == library.ThumbFormat.JPEG:
            opened = self._pillow(formats.JPEG, preview.data)
        else:
            image = _turned(Image.fromarray(preview.data), sizes.flip)
            self._admit(image.width, image.height)
            opened = Opened(found.name, image.width, image.height, preview.data.nbytes, lambda: image)
        width, height = sizes.width, sizes.height
        if (width > height) != (opened.width > opened.height):
            width, height = height, width
        return Opened(found.name, width, height, opened.memory, opened.load)

    def _library(self, found: Format, name: str) -> Any:
        try:
            return self.load_module(name)
        except ImportError as error:
            raise ImageRejected(
                Reason.UNSUPPORTED,
                f"it is {found.described}, and its decoder is not installed; install the extra `formats` "
                "(pip install 'simd-images[formats]'), restart simd and run `simctl scan --retry`",
            ) from error


def _loaded(image: Image.Image) -> Image.Image:
    image.load()
    return image


def _turned(image: Image.Image, flip: int) -> Image.Image:
    return image.transpose(_TURNED_BY[flip]) if flip in _TURNED_BY else image
