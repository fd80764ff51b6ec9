"""A service that answers every search with the same ten matches at once: what a call costs when nothing is done.

Run as `python -m benchmarks.transport ADDRESS`, this is the service's side; `empty` starts it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
from simctl import Client

from simd.v1 import search_service_pb2, search_service_pb2_grpc

_ANSWER = search_service_pb2.SearchResponse(
    matches=[
        search_service_pb2.Match(
            image_id=bytes([number] * 16).hex(),
            path=f"/pictures/of/somebody/{number:06d}.jpg",
            paths=[f"/pictures/of/somebody/{number:06d}.jpg"],
            path_count=1,
            distance=0.1 * number,
            similarity=1.0 - 0.1 * number,
            width=1400,
            height=800,
        )
        for number in range(10)
    ],
    searched=100_000,
    took=search_service_pb2.Took(decode_ms=1.0, featurize_ms=2.0, search_ms=3.0, total_ms=6.0),
)


class _Empty(search_service_pb2_grpc.SearchServiceServicer):
    def Search(
        self, request: search_service_pb2.SearchRequest, context: grpc.ServicerContext
    ) -> search_service_pb2.SearchResponse:
        """The picture is read, and that is all."""
        return _ANSWER if request.image else search_service_pb2.SearchResponse()


@contextmanager
def empty() -> Iterator[tuple[str, int]]:
    """The service in a process of its own: its address and its process id."""
    with tempfile.TemporaryDirectory(prefix="simd-bench-") as socket:
        address = f"unix:{socket}/s"
        process = subprocess.Popen([sys.executable, "-m", "benchmarks.transport", address])
        try:
            with Client(address, patience=30.0) as client:
                client.search(image=b"x")
            yield address, process.pid
        finally:
            process.terminate()
            process.wait(60)


def main() -> None:
    """Serve until somebody ends the process."""
    server = grpc.server(ThreadPoolExecutor(16), options=[("grpc.max_receive_message_length", 1 << 29)])
    search_service_pb2_grpc.add_SearchServiceServicer_to_server(_Empty(), server)  # type: ignore[no-untyped-call]
    server.add_insecure_port(sys.argv[1])
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    main()
