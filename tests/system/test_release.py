"""A leader's agent that is started again gives up what was granted to its last run (rule 8).

The lease is long here, so that it makes seconds of difference whether the others wait until it has
ended. How long they are without a leader at the default timing is measured in tests/bench.
"""

import signal
import time

import pytest

from bed.site import Site

LEASE = 20  # Seconds; as many pass after a start before anybody votes (rule 7).


@pytest.fixture(name="slow", scope="module")
def site_with_a_long_lease():
    with Site(timing=f"lease: {LEASE}s, permit: {4 * LEASE}s, converge: {6 * LEASE}s") as made:
        made.start_agents()
        made.wait_until(lambda: made.status().get("leader"), 3 * LEASE, "a host leads")
        yield made


def test_nobody_waits_for_what_was_granted_to_an_agent_that_was_killed(slow):
    leader = slow.leader()
    term = slow.status()["leader"]["term"]
    killed_at = time.monotonic()
    slow.restart_agent(leader, signal.SIGKILL)
    others = [host for host in slow.hosts if host is not leader]
    slow.wait_until(lambda: any((slow.status(host).get("leader") or {"term": 0})["term"] > term
                                for host in others), LEASE, "a later term began", poll=0.05)
    assert time.monotonic() - killed_at < LEASE / 2, "not only when the lease had ended"
