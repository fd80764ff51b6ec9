"""Opens a picture: its header is read and held against the limits, its pixels are not decoded yet.

Pillow opens most formats, and what it is known to make something else of is mended here. The rest is read by the
libraries of the extra `formats` (`extra.py`).

Adjusts what Pillow allows in the whole process; a worker decodes one picture at a time.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from functools import partial

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
    UnidentifiedImageError,
    WebPImagePlugin,
)

from simd.featurize import formats, tiff
from simd.featurize.extra import Extra, Importer
from simd.featurize.formats import Format, Reader
from simd.featurize.headers import declared_size
from simd.featurize.jpeg import filled_up, frame_of, whole_without_end
from simd.featurize.jpeg2000 import deep
from simd.featurize.opened import DecodeLimits, Opened, unsupported

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

_BYTES_PER_PIXEL = {"WEBP": 16, "AVIF": 14, "JPEG2000": 16, "TIFF": 8, "HEIF": 14}
"""What decoding holds at most, measured with 8 and 10 bits a channel; Pillow's own picture takes 4."""
_PROGRESSIVE_BYTES_PER_PIXEL = 6
"""A progressive JPEG is held whole, as two bytes a coefficient, however much it is shrunk."""
_INTEGER_BYTES_PER_PIXEL = 14
"""What a TIFF of 32-bit integers takes."""


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
            found: what the content is.
            data: the whole file.

        Raises:
            ImageRejected: too many pixels, or a format that is not read here.
            Exception: whatever a library raises at a damaged file.
        """
        if declared := declared_size(found, data):
            self.limits.admit(*declared)
        if found.reader is Reader.NONE:
            raise unsupported(found.described)
        if found.reader is not Reader.PILLOW:
            return self._extra.open(found, data)
        return self._by_pillow(found, data)

    @property
    def _extra(self) -> Extra:
        return Extra(self.limits, self.load_module, self._by_pillow)

    def _by_pillow(self, found: Format, data: bytes) -> Opened:
        match found.name:
            case "JPEG":
                return self._jpeg(data)
            case "TIFF":
                return self._tiff(data)
            case "JPEG2000":
                return self._jpeg_2000(data)
        return self._opened(found, Image.open(io.BytesIO(data), formats=(found.name,)))

    def _opened(self, found: Format, image: Image.Image) -> Opened:
        width, height = image.size
        self.limits.admit(width, height)
        image.draft(None, (self.enough, self.enough))
        memory = image.width * image.height * _BYTES_PER_PIXEL.get(found.name, 4)
        return Opened(found.name, width, height, memory, partial(_loaded, image))

    def _jpeg(self, data: bytes) -> Opened:
        frame = frame_of(data)
        if frame and not frame.of_pillow:
            return self._extra.jpeg(frame, data)
        image = Image.open(io.BytesIO(data), formats=("JPEG",))
        opened = self._opened(formats.JPEG, image)
        memory = opened.memory
        if image.info.get("progressive"):
            memory += opened.width * opened.height * _PROGRESSIVE_BYTES_PER_PIXEL
        return replace(opened, memory=memory, load=partial(self._whole_jpeg, image, data))

    def _whole_jpeg(self, image: Image.Image, data: bytes) -> Image.Image:
        """The picture, though the file may lack its end, as long as every pixel is there."""
        error = OSError("image file is truncated: zeros are in place of its end")
        try:
            image.load()
            if not filled_up(data):
                return image
        except OSError as broken:
            error = broken.with_traceback(None)
        whole = whole_without_end(data, self._decoded_jpeg)
        if whole is None:
            raise error
        return whole

    def _decoded_jpeg(self, data: bytes) -> Image.Image:
        image = Image.open(io.BytesIO(data), formats=("JPEG",))
        image.draft(None, (self.enough, self.enough))
        return _loaded(image)

    def _tiff(self, data: bytes) -> Opened:
        kind = tiff.kind_of(data)
        if kind is None:
            return self._opened(formats.TIFF, Image.open(io.BytesIO(data), formats=("TIFF",)))
        self.limits.admit(kind.width, kind.height)
        if kind.misread:
            return self._extra.tiff(kind, data)
        try:
            image = tiff.opened(data, kind)
        except UnidentifiedImageError:
            return self._extra.tiff(kind, data)
        opened = self._opened(formats.TIFF, image)
        memory = opened.memory
        if image.mode == "I":
            memory = opened.width * opened.height * _INTEGER_BYTES_PER_PIXEL
        return replace(opened, memory=memory, load=lambda: tiff.righted(_loaded(image), kind))

    def _jpeg_2000(self, data: bytes) -> Opened:
        opened = self._opened(formats.JPEG_2000, Image.open(io.BytesIO(data), formats=("JPEG2000",)))
        found = deep(data)
        return self._extra.jpeg_2000(found, data, (opened.width, opened.height)) if found else opened


def _loaded(image: Image.Image) -> Image.Image:
    image.load()
    return image
