"""ImageService: one thin method per RPC."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import grpc

from simd.errors import InvalidRequest
from simd.featurize.decode.renditions import Format, Thumbnail
from simd.serving.admin.convert import image_id_of, text_of
from simd.serving.images.elsewhere import Elsewhere
from simd.serving.images.imagefiles import is_searchable
from simd.serving.images.peers import PASSED_ON
from simd.serving.readiness import Readiness, Services
from simd.serving.transport.guard import headers_of
from simd.serving.transport.handlers import cancelled_of
from simd.types import ImageId
from simd.v1 import image_service_pb2, image_service_pb2_grpc

_EDGE = 256
_EDGES = range(16, 2049)


class ImageService(image_service_pb2_grpc.ImageServiceServicer):
    """Args:
    readiness: where the services are.
    """

    def __init__(self, readiness: Readiness) -> None:
        self._readiness = readiness

    def GetThumbnail(
        self, request: image_service_pb2.GetThumbnailRequest, context: grpc.ServicerContext
    ) -> image_service_pb2.GetThumbnailResponse:
        """A small picture of an image."""
        services, wanted, image_id = self._readiness.services(), _thumbnail_of(request), image_id_of(request.image_id)
        thumbnails = _elsewhere(services, image_id, context) or services.thumbnails
        data = thumbnails.get(image_id, wanted, cancelled_of(context))
        return image_service_pb2.GetThumbnailResponse(data=data, content_type=f"image/{wanted.format}")

    def GetImage(
        self, request: image_service_pb2.ImageServiceGetImageRequest, context: grpc.ServicerContext
    ) -> Iterator[image_service_pb2.ImageServiceGetImageResponse]:
        """The bytes of an image's file, or a part of them."""
        services, image_id = self._readiness.services(), image_id_of(request.image_id)
        originals = _elsewhere(services, image_id, context) or services.originals
        with originals.open(image_id, request.offset, request.length, cancelled_of(context)) as original:
            yield image_service_pb2.ImageServiceGetImageResponse(
                size=original.size, content_type=original.content_type, name=text_of(original.name)
            )
            for portion in original.portions:
                yield image_service_pb2.ImageServiceGetImageResponse(data=portion)


def _elsewhere(services: Services, image_id: ImageId, context: grpc.ServicerContext) -> Elsewhere | None:
    """What gives pictures of an image that is not here; None if it is, or a daemon asks that takes it to be."""
    if services.elsewhere is None or is_searchable(services.catalogue, image_id):
        return None
    return None if PASSED_ON in headers_of(context.invocation_metadata()) else services.elsewhere


def _thumbnail_of(request: image_service_pb2.GetThumbnailRequest) -> Thumbnail:
    """The thumbnail that a request asks for.

    Raises:
        InvalidRequest: an edge or a format that is not made.
    """
    edge = request.edge or _EDGE
    if edge not in _EDGES:
        raise InvalidRequest(f"the edge {edge} is not in {_EDGES.start}..{_EDGES.stop - 1}", field="edge")
    return Thumbnail(edge, format=cast("Format", request.format or "jpeg"))
