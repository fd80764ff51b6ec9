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

from simd.featurize.decode import formats, tiff
from simd.featurize.decode.bitfields import bit_fields
from simd.featurize.decode.extra import Extra, Importer
from simd.featurize.decode.formats import Format, Reader
from simd.featurize.decode.headers import avif_size, declared_size, first_frame
from simd.featurize.decode.jpeg import filled_up, frame_of, whole_without_end
from simd.featurize.decode.jpeg2000 import deep
from simd.featurize.decode.opened import DecodeLimits, Opened, unsupported

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
_CANVAS_BYTES_PER_PIXEL, _INTEGER_BYTES_PER_PIXEL, _BIT_FIELD_BYTES_PER_PIXEL = 8, 14, 16
"""What a frame takes that is put on a canvas, a TIFF of 32-bit integers, and a BMP of bit fields."""

_AVIF_SIDE, _AVIF_PIXELS = 32_768, 16_384 * 16_384
"""Larger ones are refused by the decoder, whatever the limits."""
_PNG_DEPTH_AT = 24

Box = tuple[int, int, int, int]


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
            self.limits.admit(*declared)
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
            case "BMP":
                return self._bmp(data)
            case "JPEG2000":
                return self._jpeg_2000(data)
            case "AVIF":
                return self._avif(data)
        image = Image.open(io.BytesIO(data), formats=(found.name,))
        opened = self._opened(found, image)
        if found is formats.PNG:
            _shorten_key(image, data)
        frame = first_frame(found, data) or (image.tile[0].extents if found is formats.GIF and image.tile else None)
        if frame is None or frame == (0, 0, *image.size):
            return opened
        memory = opened.memory + opened.width * opened.height * _CANVAS_BYTES_PER_PIXEL
        return replace(opened, memory=memory, load=partial(_on_canvas, image, frame))

    def _opened(self, found: Format, image: Image.Image) -> Opened:
        width, height = image.size
        self.limits.admit(width, height)
        image.draft(None, (self.enough, self.enough))
        memory = image.width * image.height * _BYTES_PER_PIXEL.get(found.name, 4)
        return Opened(found.name, width, height, memory, partial(_loaded, image), round(width / image.width))

    def _jpeg(self, data: bytes) -> Opened:
        frame = frame_of(data)
        if frame is None:
            # Pillow would look for it byte by byte, through all that follows.
            raise UnidentifiedImageError("it has no frame")
        if not frame.of_pillow:
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

    def _bmp(self, data: bytes) -> Opened:
        fields = bit_fields(data)
        if fields is None:
            try:
                return self._opened(formats.BMP, Image.open(io.BytesIO(data), formats=("BMP",)))
            except OSError as error:
                if str(error).startswith("Unsupported BMP"):
                    raise unsupported(f"a BMP picture of a rare kind ({error})") from None
                raise
        self.limits.admit(fields.width, fields.height)
        memory = fields.width * fields.height * _BIT_FIELD_BYTES_PER_PIXEL
        return Opened(formats.BMP.name, fields.width, fields.height, memory, partial(fields.decoded, data))

    def _jpeg_2000(self, data: bytes) -> Opened:
        opened = self._opened(formats.JPEG_2000, Image.open(io.BytesIO(data), formats=("JPEG2000",)))
        found = deep(data)
        return self._extra.jpeg_2000(found, data, (opened.width, opened.height)) if found else opened

    def _avif(self, data: bytes) -> Opened:
        try:
            return self._opened(formats.AVIF, Image.open(io.BytesIO(data), formats=("AVIF",)))
        except UnidentifiedImageError:
            width, height = avif_size(data)
            if max(width, height) > _AVIF_SIDE or width * height > _AVIF_PIXELS:
                self.limits.admit(width, height)
                raise unsupported(
                    f"an AVIF picture of {width} x {height} pixels, more than its decoder takes"
                ) from None
            raise


def _loaded(image: Image.Image) -> Image.Image:
    image.load()
    return image


def _on_canvas(image: Image.Image, frame: Box) -> Image.Image:
    """An animation's first frame where it stands; what it leaves out is transparent, not some colour."""
    canvas = Image.new("RGBA", image.size, (0, 0, 0, 0))
    canvas.paste(_loaded(image).crop(frame).convert("RGBA"), frame[:2])
    canvas.info |= {key: image.info[key] for key in ("exif", "icc_profile") if image.info.get(key)}
    return canvas


def _shorten_key(image: Image.Image, data: bytes) -> None:
    """Bring the colour of a PNG that is transparent to 8 bits a channel, to which Pillow brings its pixels."""
    key = image.info.get("transparency")
    if isinstance(key, tuple) and data[_PNG_DEPTH_AT] == 16:
        image.info["transparency"] = tuple(value >> 8 for value in key)
