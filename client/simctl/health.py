"""The two messages of `grpc.health.v1` that are needed, by hand: not worth a dependency of the thin client.

The request for the whole server is empty; the response is one enum, field 1.
"""

from __future__ import annotations

CHECK = "/grpc.health.v1.Health/Check"

_NAMES = ("UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")
_FIELD_1_VARINT = 0x08


def serving_status(response: bytes) -> str:
    """The name of the status in a HealthCheckResponse."""
    if len(response) == 2 and response[0] == _FIELD_1_VARINT and response[1] < len(_NAMES):
        return _NAMES[response[1]]
    return "UNKNOWN"
