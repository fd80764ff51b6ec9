"""InsightService, labels: one thin method per RPC."""

from __future__ import annotations

from simd.serving.readiness import Readiness
from simd.v1 import insight_service_pb2_grpc


class LabelService(insight_service_pb2_grpc.InsightServiceServicer):
    """Args:
    readiness: where the services are.
    """

    def __init__(self, readiness: Readiness) -> None:
        self._readiness = readiness
