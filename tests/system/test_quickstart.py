"""The story that a newcomer sees: agent/quickstart runs through, and what it measures is sane.

The bounds on times are for two slow cores that emulate every guest; without a power cut that
really cuts, an election, a replacement and a page that is really served none can be met.
"""

import json
import os
import subprocess

import pytest

from bed.site import REPOSITORY

QUICKSTART = REPOSITORY / "agent" / "quickstart"


def processes():
    """Every process of the enclosure that the tests run in."""
    return {int(entry) for entry in os.listdir("/proc") if entry.isdigit()}


@pytest.fixture(scope="module")
def run():
    """One run of the quickstart: (exit status, the object on stdout, the narration)."""
    before = processes()
    done = subprocess.run([QUICKSTART, "--once", "--output", "json"], capture_output=True,
                          text=True, timeout=600, check=False, cwd="/")
    assert processes() <= before, "nothing is left behind"
    return done.returncode, json.loads(done.stdout or "{}"), done.stderr


def test_all_of_it_happens(run):
    status, told, narration = run
    assert status == 0, narration
    assert told["served"] is True


def test_another_host_leads_soon_after_the_power_cut(run):
    _, told, narration = run
    assert told["leader_before"] != told["leader_after"], narration
    assert 0 < told["leaderless_ms"] < 5000, narration


def test_what_the_dead_host_ran_is_started_elsewhere(run):
    _, told, narration = run
    assert told["replaced"], "the leader's host ran something"
    assert told["leaderless_ms"] < told["replace_issued_ms"] < 15000, narration


def test_the_page_is_served_again(run):
    _, told, narration = run
    assert 0 < told["first_served_s"] < 180, narration
    assert 0 <= told["served_again_s"] < 180, narration


def test_the_story_is_told_without_colours_where_nobody_looks(run):
    _, _, narration = run
    assert "\033" not in narration
    for word in ("leads", "power", "agentctl status", "All of it happened"):
        assert word in narration
