"""The calls of ImageService."""

from __future__ import annotations

from collections.abc import Iterator

from simctl.connection import Connection


class Picturing(Connection):
    """The pictures themselves, of images that are indexed."""

    def thumbnail(self, image_id: str, edge: int = 256, format: str = "jpeg", *, timeout: float | None = None) -> bytes:
        """A small picture of an image, as the bytes of a file: upright, in sRGB, no larger than the image.

        Args:
            image_id: 32 hex digits.
            edge: how long the longer edge is at most, in pixels, 16 to 2048.
            format: "jpeg" or "webp".
            timeout: seconds this call may take.
        """
        from simd.v1 import image_service_pb2 as wire

        request = wire.GetThumbnailRequest(image_id=image_id, edge=edge, format=format)
        return bytes(self._call(self._image_stub().GetThumbnail, request, timeout, reads=True).data)

    def image_bytes(
        self, image_id: str, offset: int = 0, length: int = 0, *, timeout: float | None = None
    ) -> Iterator[bytes]:
        """The bytes of an image's file, or a part of them, portion by portion.

        The daemon compares the file with the image first; one that is written to meanwhile ends in an error, so that no
        file is whole that is not the image.

        Args:
            image_id: 32 hex digits.
            offset: where the part begins, in bytes.
            length: how many bytes at most; 0 means all that follow.
            timeout: seconds that all of it may take.
        """
        from simd.v1 import image_service_pb2 as wire

        request = wire.ImageServiceGetImageRequest(image_id=image_id, offset=offset, length=length)
        for message in self._stream(self._image_stub().GetImage, request, timeout):
            if message.data:
                yield message.data
