"""The calls of IndexService that list, check, tidy and copy what is indexed.

What a call needs is imported by that call, because a search should cost little more than importing gRPC does.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from simctl.connection import Connection, Path, absolute

if TYPE_CHECKING:
    from simctl import contents


class Maintenance(Connection):
    """What there is, and whether it is sound."""

    def files(self, path_prefix: Path | None = None, *, timeout: float | None = None) -> Iterator[contents.File]:
        """The files that are searchable, root by root, in each ordered by path.

        Args:
            path_prefix: only files under this path.
            timeout: seconds for each page.
        """
        from simctl import contents
        from simd.v1 import index_service_pb2 as wire

        prefix = b"" if path_prefix is None else absolute(path_prefix)
        request = wire.ListFilesRequest(page_size=1000, path_prefix_bytes=prefix)
        for page in self._pages(self._index_stub().ListFiles, request, timeout):
            yield from map(contents.file, page.files)

    def errors(self, path_prefix: Path | None = None, *, timeout: float | None = None) -> Iterator[contents.FileError]:
        """The files that are not indexed, and why; read page by page, `timeout` for each."""
        from simctl import contents
        from simd.v1 import index_service_pb2 as wire

        prefix = b"" if path_prefix is None else absolute(path_prefix)
        request = wire.ListErrorsRequest(page_size=1000, path_prefix_bytes=prefix)
        for page in self._pages(self._index_stub().ListErrors, request, timeout):
            yield from map(contents.file_error, page.errors)

    def file(self, path: Path, *, timeout: float | None = None) -> contents.File | contents.FileError:
        """What is known of one file: the image that it is, or why it is not indexed.

        Raises:
            SimctlError: nothing is known of it; `code` is NOT_FOUND.
        """
        from simctl import contents
        from simd.v1 import index_service_pb2 as wire

        request = wire.GetFileRequest(path_bytes=absolute(path))
        found = self._call(self._index_stub().GetFile, request, timeout, reads=True)
        failed = found.WhichOneof("outcome") == "error"
        return contents.file_error(found.error) if failed else contents.file(found.file)

    def image(self, image_id: str, *, timeout: float | None = None) -> contents.Image:
        """What is known of one image, by its 32 hex digits.

        Raises:
            SimctlError: no file that is searchable holds it; `code` is NOT_FOUND.
        """
        from simctl import contents
        from simd.v1 import index_service_pb2 as wire

        request = wire.GetImageRequest(image_id=image_id)
        return contents.image(self._call(self._index_stub().GetImage, request, timeout, reads=True).image)

    def compact(self, *, timeout: float | None = None) -> contents.Compaction:
        """Do all maintenance of the index now; returns when it is done."""
        from simctl import contents
        from simd.v1 import index_service_pb2 as wire

        return contents.compaction(self._call(self._index_stub().Compact, wire.CompactRequest(), timeout))

    def verify(self, *, timeout: float | None = None) -> Iterator[contents.Verified]:
        """Have all of the index read and compared with its checksums: how far that is, and last what was found."""
        from simctl import contents
        from simd.v1 import index_service_pb2 as wire

        yield from map(contents.verified, self._stream(self._index_stub().Verify, wire.VerifyRequest(), timeout))

    def export(self, *, timeout: float | None = None) -> contents.Export:
        """Every image that is searchable, with its embedding."""
        from simctl import contents
        from simd.v1 import index_service_pb2 as wire

        return contents.export(self._stream(self._index_stub().Export, wire.ExportRequest(), timeout))
