"""The calls of InsightService about what to label next.

What a call needs is imported by that call, because a search should cost little more than importing gRPC does.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import TYPE_CHECKING, Any

from simctl.connection import Connection, Path, absolute
from simctl.errors import SimctlError

if TYPE_CHECKING:
    from simctl.suggest import suggested


class Suggesting(Connection):
    """Suggestions, once or again and again."""

    def suggest(
        self,
        limit: int = 100,
        *,
        strategy: str = "",
        path_prefix: Path | None = None,
        skip: Iterable[str] = (),
        progress: suggested.Progress | None = None,
        timeout: float | None = None,
    ) -> suggested.Suggested:
        """Images that are worth labelling next: none that is labelled, and none that is the same picture as a labelled
        one or as another suggestion.

        Args:
            limit: how many at most, 1 to 10,000.
            strategy: coverage, which "" means, uncertain, diverse, outliers or random.
            path_prefix: only images with a file under this path; labels count wherever they are.
            skip: images that are not suggested, nor what is the same picture, each 32 hex digits.
            progress: called a few times a second.
            timeout: seconds.
        """
        from simctl.suggest import suggested

        request = _request(limit, strategy, path_prefix, skip, watch=False)

        def attempt(left: float | None) -> suggested.Suggested:
            messages = self._stream(self._insight_stub().Suggest, request, left)
            for answer in suggested.answers(messages, progress):
                return answer
            raise SimctlError("the daemon ended the suggestions without a summary")

        return self._retrier.call(attempt, self._timeout if timeout is None else timeout, reads=True)

    def watch_suggestions(
        self,
        limit: int = 100,
        *,
        strategy: str = "",
        path_prefix: Path | None = None,
        skip: Iterable[str] = (),
        progress: suggested.Progress | None = None,
        timeout: float | None = None,
    ) -> Generator[suggested.Suggested, None, None]:
        """The same, now and again after labels or images have changed, until the daemon stops or the time is over: each
        time all that is suggested then.

        Args:
            limit, strategy, path_prefix, skip, progress: as for `suggest`.
            timeout: seconds after which there are no more; None is never.
        """
        from simctl.suggest import suggested

        request = _request(limit, strategy, path_prefix, skip, watch=True)
        try:
            yield from suggested.answers(self._stream(self._insight_stub().Suggest, request, timeout), progress)
        except SimctlError as error:
            if error.code != "DEADLINE_EXCEEDED":
                raise


def _request(limit: int, strategy: str, path_prefix: Path | None, skip: Iterable[str], *, watch: bool) -> Any:
    from simd.v1 import insight_service_pb2 as wire

    return wire.SuggestRequest(
        limit=limit,
        strategy=strategy,
        path_prefix_bytes=b"" if path_prefix is None else absolute(path_prefix),
        skip_ids=skip,
        watch=watch,
    )
