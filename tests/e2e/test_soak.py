"""A folder used at random and a daemon with one bad day after another agree; `soak` says what is compared."""

from __future__ import annotations

import pytest

from tests.e2e.daemon import Daemon
from tests.e2e.soak import Plan, soak

pytestmark = [pytest.mark.model]


@pytest.mark.timeout(300)
def test_after_a_short_soak_the_answers_are_what_the_folder_holds(daemon: Daemon) -> None:
    assert soak(daemon, Plan(seconds=6.0, files=300, trial_every_s=0.5)).problems == []


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_after_a_soak_the_answers_are_what_the_folder_holds(daemon: Daemon) -> None:
    assert soak(daemon, Plan(seconds=120.0, files=3000, trial_every_s=2.0, seed=1)).problems == []
