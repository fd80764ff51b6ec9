"""What a file is, by its first bytes: the formats that are read, and those that are known but not read.

Content decides, never the name. Knowing the formats that are not read is what lets a ledger line say "this is a HEIC
file" in place of "not an image".
"""

from __future__ import annotations

from dataclasses import dataclass

READ_FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "TIFF", "BMP", "JPEG2000", "PPM")
"""Pillow's names of what is decoded. Everything else Pillow could open (EPS runs a program, for one) is not."""

SNIFF_BYTES = 1024

_AVIF_BRANDS = {b"avif", b"avis"}
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}

# (offset, bytes, name); the first that fits wins.
_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, b"\x89PNG\r\n\x1a\n", "PNG"),
    (0, b"GIF87a", "GIF"),
    (0, b"GIF89a", "GIF"),
    (8, b"WEBP", "WEBP"),
    (8, b"CR\x02", "Canon CR2 raw"),
    (0, b"II*\0", "TIFF"),
    (0, b"MM\0*", "TIFF"),
    (0, b"II+\0", "TIFF"),
    (0, b"MM\0+", "TIFF"),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG2000"),
    (0, b"\xff\x0a", "JPEG XL"),
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (0, b"8BPS", "Photoshop (PSD)"),
    (0, b"gimp xcf", "GIMP (XCF)"),
    (0, b"%PDF", "PDF"),
    (0, b"%!PS", "PostScript"),
    (0, b"\xc5\xd0\xd3\xc6", "PostScript"),
    (0, b"\0\0\x01\0", "icon (ICO)"),
    (0, b"\x76\x2f\x31\x01", "OpenEXR"),
    (0, b"#?RADIANCE", "Radiance HDR"),
    (0, b"DDS ", "DirectDraw (DDS)"),
    (0, b"qoif", "QOI"),
    (0, b"AT&TFORM", "DjVu"),
    (0, b"SIMPLE  =", "FITS"),
    (0, b"FUJIFILMCCD-RAW", "Fujifilm RAF raw"),
    (0, b"IIU\0", "Panasonic RW2 raw"),
    (0, b"IIRO", "Olympus ORF raw"),
    (0, b"\x1aE\xdf\xa3", "Matroska or WebM video"),
    (8, b"AVI ", "AVI video"),
    (0, b"FLV\x01", "Flash video"),
    (0, b"\0\0\x01\xba", "MPEG video"),
    (0, b"\0\0\x01\xb3", "MPEG video"),
    (0, b"0&\xb2u\x8ef\xcf\x11", "Windows Media video"),
    (0, b"BM", "BMP"),
)


@dataclass(frozen=True, slots=True)
class Format:
    """A recognised format. `read` is whether simd decodes it."""

    name: str

    @property
    def read(self) -> bool:
        """Whether simd decodes it."""
        return self.name in READ_FORMATS


def sniff(data: bytes | memoryview) -> Format | None:
    """The format of a file that starts with `data` (1 KiB is enough), or None."""
    start = bytes(data[:SNIFF_BYTES])
    for offset, magic, name in _MAGIC:
        if start[offset : offset + len(magic)] == magic:
            return Format(name)
    if start[4:8] == b"ftyp":
        return Format(_iso_media(start))
    if start[:1] == b"P" and start[1:2] in b"1234567fF" and start[2:3].isspace():
        return Format("PPM")
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<svg", b"<?xml", b"<!doctype svg")) and b"<svg" in text:
        return Format("SVG")
    return None


def _iso_media(start: bytes) -> str:
    """AVIF, HEIC and MP4 share one container; its brands tell which it is."""
    size = min(int.from_bytes(start[:4], "big"), len(start))
    brands = {start[8:12], *(start[at : at + 4] for at in range(16, size - 3, 4))}
    if brands & _AVIF_BRANDS:
        return "AVIF"
    if brands & _HEIC_BRANDS:
        return "HEIC"
    return "Canon CR3 raw" if start[8:12] == b"crx " else "MP4 or QuickTime video"


def ends_early(name: str, data: bytes | memoryview) -> bool:
    """Whether a file of a read format stops before its own end mark or its declared size."""
    tail = bytes(data[-64:])
    match name:
        case "JPEG":
            return b"\xff\xd9" not in tail
        case "PNG":
            return b"IEND" not in tail
        case "GIF":
            return not tail.rstrip(b"\0").endswith(b";")
        case "WEBP":
            return int.from_bytes(data[4:8], "little") + 8 > len(data)
        case "BMP":
            return int.from_bytes(data[2:6], "little") > len(data)
        case "AVIF" | "JPEG2000":
            return _boxes_end(data) > len(data)
    return False


def _boxes_end(data: bytes | memoryview) -> int:
    """Where the last box of an ISO container says that it ends."""
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16], "big")
        if size < 8:
            return len(data)
        at += size
    return at


def webp_size(data: bytes | memoryview) -> tuple[int, int] | None:
    """Width and height of a WebP, from its first chunk; None for anything else.

    Pillow allocates the whole picture when it opens a WebP, which is too late to look at its size.
    """
    if data[8:12] != b"WEBP" or len(data) < 30:
        return None
    match bytes(data[12:16]):
        case b"VP8X":
            return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
        case b"VP8L":
            bits = int.from_bytes(data[21:25], "little")
            return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        case b"VP8 ":
            return (int.from_bytes(data[26:28], "little") & 0x3FFF), (int.from_bytes(data[28:30], "little") & 0x3FFF)
    return None
