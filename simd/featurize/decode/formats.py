"""What a file is, by its first bytes: the formats that are read, and those that are known but not read.

Content decides, never the name. Knowing the formats that are not read is what lets a ledger line say "it is a PDF
document" in place of "not an image".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto

from simd.featurize.models.directory import first_directory

SNIFF_BYTES = 1024
"""So much of a file's start tells its format. The directory that tells raw photographs from TIFF may be anywhere."""


class Reader(Enum):
    """What decodes a format."""

    PILLOW = auto()
    HEIF = auto()
    JPEG_XL = auto()
    RAW = auto()
    NONE = auto()


@dataclass(frozen=True, slots=True)
class Format:
    """A recognised format.

    Attributes:
        name: short; Pillow's name for what Pillow reads.
        described: with an article, to complete "it is ...".
        reader: what decodes it.
    """

    name: str
    described: str
    reader: Reader


def _picture(name: str) -> Format:
    return Format(name, f"{'an' if name == 'AVIF' else 'a'} {name} picture", Reader.PILLOW)


def _raw(maker: str) -> Format:
    return Format("RAW", f"a raw photograph ({maker})", Reader.RAW)


def _other(described: str) -> Format:
    return Format(described.partition(" ")[2], described, Reader.NONE)


JPEG = _picture("JPEG")
PNG = _picture("PNG")
GIF = _picture("GIF")
WEBP = _picture("WEBP")
TIFF = _picture("TIFF")
BMP = _picture("BMP")
AVIF = _picture("AVIF")
JPEG_2000 = _picture("JPEG2000")
PNM = _picture("PPM")
HEIF = Format("HEIF", "a HEIC picture", Reader.HEIF)
JPEG_XL = Format("JXL", "a JPEG XL picture", Reader.JPEG_XL)

READ = (JPEG, PNG, GIF, WEBP, TIFF, BMP, AVIF, JPEG_2000, PNM)
"""What is decoded without an extra. Everything else Pillow could open (EPS runs a program, for one) is not."""

_VIDEO = _other("an MP4 or QuickTime video")
_MPEG = _other("an MPEG video")
_POSTSCRIPT = _other("a PostScript document")

# (offset, bytes, format); the first that fits wins.
_MAGIC: tuple[tuple[int, bytes, Format], ...] = (
    (0, b"\xff\xd8\xff", JPEG),
    (0, b"\x89PNG\r\n\x1a\n", PNG),
    (0, b"GIF87a", GIF),
    (0, b"GIF89a", GIF),
    (8, b"WEBP", WEBP),
    (8, b"CR\x02", _raw("Canon CR2")),
    (0, b"II*\0", TIFF),
    (0, b"MM\0*", TIFF),
    (0, b"II+\0", TIFF),
    (0, b"MM\0+", TIFF),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", JPEG_2000),
    (0, b"\xff\x4f\xff\x51", JPEG_2000),
    (0, b"\xff\x0a", JPEG_XL),
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", JPEG_XL),
    (0, b"FUJIFILMCCD-RAW", _raw("Fujifilm RAF")),
    (0, b"IIU\0", _raw("Panasonic RW2")),
    (0, b"IIRO", _raw("Olympus ORF")),
    (0, b"IIRS", _raw("Olympus ORF")),
    (0, b"MMOR", _raw("Olympus ORF")),
    (0, b"\0MRM", _raw("Minolta MRW")),
    (0, b"FOVb", _raw("Sigma X3F")),
    (0, b"II\xbc\x01", _other("a JPEG XR picture")),
    (0, b"8BPS", _other("a Photoshop document (PSD)")),
    (0, b"gimp xcf", _other("a GIMP document (XCF)")),
    (0, b"%PDF", _other("a PDF document")),
    (0, b"%!PS", _POSTSCRIPT),
    (0, b"\xc5\xd0\xd3\xc6", _POSTSCRIPT),
    (0, b"\0\0\x01\0", _other("an icon (ICO)")),
    (0, b"icns", _other("an icon (ICNS)")),
    (0, b"\x76\x2f\x31\x01", _other("an OpenEXR picture")),
    (0, b"#?RADIANCE", _other("a Radiance HDR picture")),
    (0, b"DDS ", _other("a DirectDraw surface (DDS)")),
    (0, b"qoif", _other("a QOI picture")),
    (0, b"P7\n", _other("a PAM picture")),
    (0, b"PF\n", _other("a PFM picture in colour")),
    (0, b"AT&TFORM", _other("a DjVu document")),
    (0, b"SIMPLE  =", _other("a FITS picture")),
    (0, b"\x1aE\xdf\xa3", _other("a Matroska or WebM video")),
    (8, b"AVI ", _other("an AVI video")),
    (0, b"FLV\x01", _other("a Flash video")),
    (0, b"OggS", _other("an Ogg video or sound")),
    (0, b"\0\0\x01\xba", _MPEG),
    (0, b"\0\0\x01\xb3", _MPEG),
    (0, b"0&\xb2u\x8ef\xcf\x11", _other("a Windows Media video")),
)
_SVG = _other("an SVG drawing")
_COMPACT_HEIF = _other("a HEIF picture with a compact header (mif3)")

KNOWN = (*(found for _, _, found in _MAGIC), _SVG, _COMPACT_HEIF, _VIDEO)
"""What `sniff` finds, but for formats that it tells by more than a few bytes and that are read."""

_AVIF_BRANDS = {b"avif", b"avis"}
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}

_DIB_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)
"""Sizes of the second header of a BMP. Two letters alone would make a picture of any text that begins with them."""

_PNM_NUMBERS = {b"1": 2, b"2": 3, b"3": 3, b"4": 2, b"5": 3, b"6": 3, b"f": 2}
"""How many whole numbers follow the letters of each kind of PNM. Letters alone would make a picture of a text."""
_PNM_COMMENT = re.compile(rb"#[^\r\n]*")

# Tags of a TIFF directory, and the values that only raw photographs have.
_NEW_SUBFILE_TYPE, _COMPRESSION, _PHOTOMETRIC, _SUB_DIRECTORIES, _DNG_VERSION = 254, 259, 262, 330, 50706
_RAW_COMPRESSIONS = {32767, 32770, 34713, 65535}
_RAW_PHOTOMETRICS = {32803, 34892}


def sniff(data: bytes | memoryview) -> Format | None:
    """The format of a file that starts with `data`, or None. The whole file tells raw photographs from TIFF."""
    start = bytes(data[:SNIFF_BYTES])
    for offset, magic, found in _MAGIC:
        if start[offset : offset + len(magic)] == magic:
            return _raw("in a TIFF container, as DNG, NEF or ARW") if found is TIFF and _is_raw(data) else found
    if start[4:8] == b"ftyp":
        return _iso_media(start)
    if start[:2] == b"BM" and int.from_bytes(start[14:18], "little") in _DIB_HEADERS:
        return BMP
    if start[:1] == b"P" and start[2:3].isspace() and _is_pnm(start):
        return PNM
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<svg", b"<?xml", b"<!--", b"<!doctype svg")) and b"<svg" in text:
        return _SVG
    return None


def _is_pnm(start: bytes) -> bool:
    """Whether the numbers follow that a PNM begins with: width, height, and for most kinds the highest value."""
    wanted = _PNM_NUMBERS.get(start[1:2])
    if wanted is None:
        return False
    words = _PNM_COMMENT.sub(b"", start[2:]).split(None, wanted)
    if start[1:2] == b"1" and words[2:] and words[2][:1] not in b"01":
        return False
    # A comment may be longer than what is looked at.
    return all(word.isdigit() for word in words[:wanted]) and (bool(words) or len(start) == SNIFF_BYTES)


def _iso_media(start: bytes) -> Format:
    """AVIF, HEIC and MP4 share one container; its brands tell which it is."""
    size = min(int.from_bytes(start[:4], "big"), len(start))
    brands = {start[8:12], *(start[at : at + 4] for at in range(16, size - 3, 4))}
    if start[8:12] == b"mif3":
        return _COMPACT_HEIF
    if brands & _AVIF_BRANDS:
        return AVIF
    if brands & _HEIC_BRANDS:
        return HEIF
    return _raw("Canon CR3") if start[8:12] == b"crx " else _VIDEO


def _is_raw(data: bytes | memoryview) -> bool:
    """Whether a TIFF is a raw photograph: what its first directory shows would be its tiny thumbnail."""
    tags = first_directory(data)
    return (
        tags is not None
        and not tags.big
        and (
            _DNG_VERSION in tags
            or tags.value(_COMPRESSION, 0) in _RAW_COMPRESSIONS
            or tags.value(_PHOTOMETRIC, 0) in _RAW_PHOTOMETRICS
            or (_SUB_DIRECTORIES in tags and bool(tags.value(_NEW_SUBFILE_TYPE, 0) & 1))
        )
    )
