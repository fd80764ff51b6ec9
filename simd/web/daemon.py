"""The daemon as the page sees it: its calls, made from an event loop, with the errors that `simctl` has for people."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Any

import grpc
from simctl.address import uri_of
from simctl.channel import OPTIONS, Security, encryption, headers
from simctl.errors import from_rpc

from simd.v1.image_service_pb2_grpc import ImageServiceStub
from simd.v1.index_service_pb2_grpc import IndexServiceStub
from simd.v1.insight_service_pb2_grpc import InsightServiceStub
from simd.v1.search_service_pb2_grpc import SearchServiceStub

_WITHIN_S = 30.0
"""How long a call may take that is no stream."""


class Daemon:
    """A connection to the daemon, made when it is first used, in the event loop in which this is made.

    Args:
        address: `unix:PATH` or `HOST:PORT`.
        security: certificates and a token, as `simctl` has them. The token is read with every call, so it may change.

    Raises:
        SimctlError: a certificate cannot be read, or has no key.
    """

    def __init__(self, address: str, security: Security) -> None:
        self.address = address
        self._security = security
        credentials = encryption(address, security)
        if credentials is None:
            self._channel = grpc.aio.insecure_channel(uri_of(address), options=OPTIONS)
        else:
            self._channel = grpc.aio.secure_channel(address, credentials, options=OPTIONS)
        self.search = SearchServiceStub(self._channel)  # type: ignore[no-untyped-call]
        self.index = IndexServiceStub(self._channel)  # type: ignore[no-untyped-call]
        self.insight = InsightServiceStub(self._channel)  # type: ignore[no-untyped-call]
        self.images = ImageServiceStub(self._channel)  # type: ignore[no-untyped-call]

    async def call(self, method: Callable[..., Any], request: object, timeout_s: float = _WITHIN_S) -> Any:
        """The answer to a call. Cancelling this cancels it.

        Raises:
            SimctlError: it failed; `DaemonUnreachable` where no daemon answers, or it is not ready.
        """
        try:
            return await method(request, timeout=timeout_s, metadata=headers(self._security))
        except grpc.RpcError as error:
            raise from_rpc(error, self.address, timeout_s) from error

    async def stream(self, method: Callable[..., Any], request: object) -> AsyncGenerator[Any]:
        """The messages of a stream; closing it early ends the call.

        Raises:
            SimctlError: as `call`.
        """
        messages = method(request, metadata=headers(self._security))
        try:
            async for message in messages:
                yield message
        except grpc.RpcError as error:
            raise from_rpc(error, self.address, None) from error
        finally:
            messages.cancel()

    async def close(self) -> None:
        """End the connection and the calls under way."""
        await self._channel.close()
