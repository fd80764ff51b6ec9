"""What the libraries of the extra `formats` read: HEIC, JPEG XL, raw photographs, and rare kinds of TIFF and JPEG.

A library is imported when the first picture comes that needs it; where it is not installed, the rejection says so.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any

from PIL import Image

from simd.errors import ImageRejected, Reason
from simd.featurize.decode import formats, tiff
from simd.featurize.decode.formats import Format, Reader
from simd.featurize.decode.jpeg import Frame, ended, whole_without_end
from simd.featurize.decode.jpeg2000 import Deep
from simd.featurize.decode.jxl import JxlHeader, header_of
from simd.featurize.decode.levels import Samples, extent, high_bits, levels, picture
from simd.featurize.decode.opened import DecodeLimits, Opened, unsupported

Importer = Callable[[str], ModuleType]
"""`importlib.import_module`, or what a test puts in its place."""

_CODECS = "imagecodecs"
_JPEG_XL_BYTES_PER_PIXEL, _FRAME_BYTES_PER_PIXEL = 16, 20
_WIDE_BYTES_PER_SAMPLE = 11
"""What decoding samples of more than 8 bits holds at most: the decoder's, ours of 16 bits, those of 8 and Pillow's."""

_TURNED_BY = {3: Image.Transpose.ROTATE_180, 5: Image.Transpose.ROTATE_90, 6: Image.Transpose.ROTATE_270}
"""LibRaw's word for how the camera was held."""


@dataclass(frozen=True, slots=True)
class Extra:
    """Opens what needs the extra.

    Attributes:
        limits: what a picture may cost.
        load_module: imports the libraries.
        by_pillow: opens what Pillow can read, once it is taught to.
    """

    limits: DecodeLimits
    load_module: Importer
    by_pillow: Callable[[Format, bytes], Opened]

    def open(self, found: Format, data: bytes) -> Opened:
        """Read the header of a format that needs the extra.

        Raises:
            ImageRejected: too many pixels, or the library is not installed.
            Exception: whatever a library raises at a damaged file.
        """
        match found.reader:
            case Reader.HEIF:
                return self._heif(found, data)
            case Reader.JPEG_XL:
                return self._jpeg_xl(found, data)
        return self._raw(found, data)

    def tiff(self, kind: tiff.Kind, data: bytes) -> Opened:
        """A TIFF that Pillow does not read, or not right."""
        if not kind.decodable:
            raise unsupported(kind.described)
        codecs = self._library(kind.described, _CODECS)
        if kind.tile != (0, 0):
            self.limits.admit(*kind.tile)
        load = partial(tiff.decoded, data, kind, codecs.tiff_decode)
        return Opened(formats.TIFF.name, kind.width, kind.height, kind.memory, load)

    def jpeg(self, frame: Frame, data: bytes) -> Opened:
        """A JPEG of more than 8 bits, or a JPEG-LS."""
        if not frame.of_library:
            raise unsupported(frame.described)
        codecs = self._library(frame.described, _CODECS)
        self.limits.admit(frame.width, frame.height)
        memory = frame.width * frame.height * frame.components * _WIDE_BYTES_PER_SAMPLE
        load = partial(_decode_jpeg, getattr(codecs, frame.decoder), frame, data)
        return Opened(formats.JPEG.name, frame.width, frame.height, memory, load)

    def jpeg_2000(self, deep: Deep, data: bytes, size: tuple[int, int]) -> Opened:
        """A JPEG 2000 of several channels with more than 8 bits."""
        if not deep.decodable:
            raise unsupported(deep.described)
        codecs = self._library(deep.described, _CODECS)
        memory = size[0] * size[1] * deep.channels * _WIDE_BYTES_PER_SAMPLE
        return Opened(formats.JPEG_2000.name, *size, memory, partial(deep.decoded, data, codecs.jpeg2k_decode))

    def _heif(self, found: Format, data: bytes) -> Opened:
        library = self._library(found.described, "pillow_heif")
        # A thumbnail that a file carries may be of another picture, and the pool has a worker for each core already.
        library.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False, decode_threads=1)
        return self.by_pillow(found, data)

    def _jpeg_xl(self, found: Format, data: bytes) -> Opened:
        library = self._library(found.described, "pillow_jxl")
        header = header_of(data)
        if header is None:
            raise ValueError("its header cannot be read")
        pixels = header.width * header.height
        if header.animated:
            codecs = self._library("an animated JPEG XL picture", _CODECS)
            load, memory = partial(_first_frame, codecs, data, header), pixels * _FRAME_BYTES_PER_PIXEL
        else:
            load, memory = partial(self._decode_jpeg_xl, library, data), pixels * _JPEG_XL_BYTES_PER_PIXEL
        # It may be a JPEG that was packed.
        return Opened(found.name, header.width, header.height, memory, load, None)

    def _decode_jpeg_xl(self, library: Any, data: bytes) -> Image.Image:
        is_jpeg, info, content, _, _ = library.Decoder(num_threads=0)(data)
        if is_jpeg:
            return self.by_pillow(formats.JPEG, content).load()
        self.limits.admit(info.width, info.height)
        mode = "F" if info.mode == "F;16" else info.mode
        return Image.frombytes(mode, (info.width, info.height), content)

    def _raw(self, found: Format, data: bytes) -> Opened:
        """The preview that the camera made: developing the sensor's values is a matter of taste."""
        library = self._library(found.described, "rawpy")
        try:
            with library.imread(io.BytesIO(data)) as raw:
                sizes, preview = raw.sizes, raw.extract_thumb()
        except (library.LibRawNoThumbnailError, library.LibRawUnsupportedThumbnailError) as error:
            raise ImageRejected(Reason.UNSUPPORTED, f"it is {found.described} without a preview to show") from error
        except (library.LibRawFileUnsupportedError, library.NotSupportedError) as error:
            raise ImageRejected(Reason.UNSUPPORTED, f"it is {found.described} of an unknown kind") from error
        if preview.format == library.ThumbFormat.JPEG:
            opened = self.by_pillow(formats.JPEG, preview.data)
        else:
            image = _turned(Image.fromarray(preview.data), sizes.flip)
            self.limits.admit(image.width, image.height)
            opened = Opened(found.name, image.width, image.height, preview.data.nbytes, lambda: image)
        width, height = sizes.width, sizes.height
        if (width > height) != (opened.width > opened.height):
            width, height = height, width
        return Opened(found.name, width, height, opened.memory, opened.load, opened.scale)

    def _library(self, described: str, name: str) -> Any:
        try:
            return self.load_module(name)
        except ImportError as error:
            raise ImageRejected(
                Reason.UNSUPPORTED,
                f"it is {described}, and its decoder is not installed; install the extra `formats` "
                "(pip install 'simd-images[formats]'), restart simd and run `simctl scan --retry`",
            ) from error


def _decode_jpeg(decode: Callable[[bytes], Samples], frame: Frame, data: bytes) -> Image.Image:
    def decoded(content: bytes) -> Image.Image:
        return picture(levels(decode(content), high_bits(frame.bits)))

    # The library makes a picture of whatever there is.
    whole = decoded(data) if ended(data) else whole_without_end(data, decoded)
    if whole is None:
        raise EOFError("the end of its picture is missing")
    return whole


def _first_frame(codecs: Any, data: bytes, header: JxlHeader) -> Image.Image:
    samples = codecs.jpegxl_decode(data, index=0, numthreads=1)
    if samples.shape[:2] != (header.height, header.width):
        # Channels of their own, of which the first is the picture.
        samples = samples[0]
    integers = samples.dtype.kind == "u"
    return picture(levels(samples, high_bits(header.bits) if integers else extent([samples]).scale))


def _turned(image: Image.Image, flip: int) -> Image.Image:
    return image.transpose(_TURNED_BY[flip]) if flip in _TURNED_BY else image
