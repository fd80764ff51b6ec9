"""InsightService, all of it."""

from __future__ import annotations

from simd.serving.insight.atlas_service import AtlasService
from simd.serving.insight.division_service import DivisionService
from simd.serving.insight.group_service import GroupService
from simd.serving.insight.label_service import LabelService
from simd.serving.insight.suggest_service import SuggestService
from simd.serving.insight.watches import Watches
from simd.serving.readiness import Readiness


class InsightService(GroupService, LabelService, DivisionService, SuggestService, AtlasService):
    """Answers with the services that are ready.

    Args:
        readiness: where they are.
        watches: the calls that stay, of all servers together.
    """

    def __init__(self, readiness: Readiness, watches: Watches) -> None:
        SuggestService.__init__(self, readiness, watches)
