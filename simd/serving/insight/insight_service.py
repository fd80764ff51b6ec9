"""InsightService, all of it."""

from __future__ import annotations

from simd.serving.insight.division_service import DivisionService
from simd.serving.insight.group_service import GroupService
from simd.serving.insight.label_service import LabelService


class InsightService(GroupService, LabelService, DivisionService):
    """Answers with the services that are ready."""
