"""The calls of SearchService.

What a call needs is imported by that call, because a search should cost little more than importing gRPC does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from simctl import answers
from simctl.connection import Connection, Path, Subject, absolute

if TYPE_CHECKING:
    from simd.v1 import search_service_pb2

Region = tuple[float, float, float, float]
"""A part of a picture as displayed: left and upper edge, width and height, as parts of the picture's, 0 to 1."""


class Searching(Connection):
    """What looks like what."""

    def search(
        self,
        *,
        image: bytes | None = None,
        path: Path | None = None,
        image_id: str | None = None,
        vector: Sequence[float] | None = None,
        limit: int = 10,
        min_similarity: float | str | None = None,
        path_prefix: Path | None = None,
        exact: bool = False,
        group: bool = False,
        region: Region | None = None,
        timeout: float | None = None,
    ) -> answers.SearchResult:
        """The images nearest to a query, nearest first.

        Args:
            image: an image file's bytes. Exactly one of this and the next three is given.
            path: a file inside a root, on the daemon's machine.
            image_id: an indexed image, 32 hex digits.
            vector: an embedding.
            limit: how many at most.
            min_similarity: leave out what is less similar: a number, or what the daemon's model calls "same", "near" or
                "similar".
            path_prefix: only images under this path.
            exact: prove that nothing nearer was missed.
            group: tell only the best match of each picture, and count its copies.
            region: look for this part of the picture only.
            timeout: seconds this call may take.
        """
        subject = Subject(image, path, image_id, vector)
        request = _request(subject, limit, min_similarity, path_prefix, exact, group, region)
        return answers.search_result(self._call(self._search_stub().Search, request, timeout, reads=True))

    def batch_search(
        self,
        subjects: Iterable[Subject],
        *,
        limit: int = 10,
        min_similarity: float | str | None = None,
        path_prefix: Path | None = None,
        exact: bool = False,
        group: bool = False,
        region: Region | None = None,
        timeout: float | None = None,
    ) -> Iterator[answers.BatchAnswer]:
        """The answers to many searches, each as soon as it is there; one that fails does not end the others.

        Args:
            subjects: what to look for; taken one by one, in another thread, as the daemon gets on.
            limit, min_similarity, path_prefix, exact, group, region: as for `search`, the same for all.
            timeout: seconds that all of it may take.

        What `subjects` raises is raised here, after the answers to what it gave before.
        """
        from simd.v1 import search_service_pb2 as wire

        failures: list[Exception] = []

        def requests() -> Iterator[search_service_pb2.BatchSearchRequest]:
            try:
                for number, subject in enumerate(subjects):
                    search = _request(subject, limit, min_similarity, path_prefix, exact, group, region)
                    yield wire.BatchSearchRequest(tag=number, search=search)
            except Exception as error:  # noqa: BLE001 - it is raised where the answers are taken
                failures.append(error)

        for answer in self._stream(self._search_stub().BatchSearch, requests(), timeout):
            yield answers.batch_answer(answer)
        if failures:
            raise failures[0]

    def compare(self, first: Subject, second: Subject, *, timeout: float | None = None) -> answers.Comparison:
        """How much two pictures are alike; neither has to be indexed."""
        from simd.v1 import search_service_pb2 as wire

        request = wire.CompareRequest(first=wire.Subject(**first.fields()), second=wire.Subject(**second.fields()))
        return answers.comparison(self._call(self._search_stub().Compare, request, timeout, reads=True))


def _request(
    subject: Subject,
    limit: int,
    min_similarity: float | str | None,
    path_prefix: Path | None,
    exact: bool,
    group: bool,
    region: Region | None,
) -> search_service_pb2.SearchRequest:
    from simd.v1 import search_service_pb2 as wire

    if limit < 1:
        raise ValueError(f"limit must be at least 1, not {limit}")
    box = None
    if region is not None:
        x, y, width, height = region
        box = wire.Box(x=x, y=y, width=width, height=height)
    word = min_similarity if isinstance(min_similarity, str) else ""
    return wire.SearchRequest(
        **subject.fields(),
        limit=limit,
        min_similarity=None if isinstance(min_similarity, str) else min_similarity,
        min_level=word,
        path_prefix_bytes=b"" if path_prefix is None else absolute(path_prefix),
        exact=exact,
        group=group,
        region=box,
    )
