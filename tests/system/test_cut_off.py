"""A host whose network is cut: it changes nothing and says so, the majority goes on without it.

A host that is cut off goes on running its machines (README, "Limits"): so what must hold is that it
takes no order meanwhile, and that one copy of each machine is left when the cut is mended.
"""

import concurrent.futures
import json

import pytest

from bed.machines import Watch, hypervisors, hypervisors_of
from bed.site import NO_LEADER
from bed.toys import apply, instances, manifest, refused, resource, settled, write, TYPES

HOSTS = 3


def pair(name, network, **attributes):
    return manifest("bare", name, {"node": f"10.77.{network}.1-10.77.{network}.2"}, **attributes)


@pytest.fixture(scope="module")
def running(site):
    site.start_agents()
    apply(site, site.leader(), pair("old", 7))
    return site


def refuses_and_shows_its_own_view(site, alone, missing):
    """Every write is refused; what it shows says that it is its own view."""
    site.wait_until(lambda: site.status(alone)["local_view"], 30, "it knows that it is alone")
    before = hypervisors_of(alone)
    file = write(site, "refused.yaml", pair("refused", 9))
    verbs = (("stop", "old"), ("start", "old"), ("delete", "--yes", "old"),
             ("--types", TYPES, "apply", file), ("--types", TYPES, "plan", file))
    with concurrent.futures.ThreadPoolExecutor() as together:  # Each waits for a leader a while.
        answers = list(together.map(lambda words: refused(site, alone, *words), verbs))
    for failed in answers:
        assert failed.status == NO_LEADER, failed
        assert "no leader: 1 of 3 voters reachable, 2 needed" in failed.errors, failed.errors
        for name in missing:
            assert name in failed.errors, "it says who is missing"
    text = refused(site, alone, "status")
    assert text.status == NO_LEADER
    assert text.output.startswith("no leader: 1 of 3 voters reachable, 2 needed")
    assert "this is what the asked host knows by itself" in text.output
    view = site.status(alone)
    assert view["local_view"] and view.get("leader") is None
    rows = {row["name"]: row for row in resource(site, "old", alone)["instances"]}
    for name, row in rows.items():
        if name in before:
            assert (row["host"], row["state"]) == (alone.name, "paused"), "its permit has ended"
        else:
            assert row["state"] == "unknown", ("what others run it does not know", row, before)
    assert hypervisors_of(alone) == before, "it changed nothing"


def one_copy_of_each(site, name, count):
    """Over all hosts: as many hypervisors as instances, and status knows where."""
    def held():
        per_host = {host.name: {d for d in hypervisors_of(host) if d.startswith(f"{name}-")}
                    for host in site.hosts}
        shown = {name: row["host"] for name, row in instances(site, name).items()}
        return (sum(len(names) for names in per_host.values()) == count == len(shown)
                and all(name in per_host[host] for name, host in shown.items()))
    site.wait_until(held, 60, f"one copy of each instance of {name}")
    settled(site, name, "running")


def test_a_minority_host_refuses_and_the_majority_goes_on(running):
    leader = running.leader()
    alone = next(host for host in reversed(running.hosts) if host is not leader)
    others = [host.name for host in running.hosts if host is not alone]
    running.switch.link(alone.number, False)
    try:
        refuses_and_shows_its_own_view(running, alone, others)
        assert running.leader() is leader
        told = apply(running, leader, pair("meanwhile", 8, pool=others))
        assert told["outcome"] == "converged"
        one_copy_of_each(running, "meanwhile", 2)
        assert resource(running, "meanwhile", alone) is None
    finally:
        running.switch.link(alone.number, True)
    running.wait_until(lambda: not running.status(alone)["local_view"], 30, "it is back")
    one_copy_of_each(running, "old", 2)
    one_copy_of_each(running, "meanwhile", 2)
    assert resource(running, "meanwhile", alone)["state"] == "running"


def test_a_leader_that_is_cut_off_gives_up_and_another_leads(running):
    with Watch() as watch:
        alone = running.leader()
        others = [host for host in running.hosts if host is not alone]
        before = json.loads(running.agentctl(alone, "--output", "json", "status"))["leader"]["term"]
        running.switch.link(alone.number, False)
        try:
            def leads():
                leader = running.status(others[0]).get("leader") or {}
                return leader.get("term", 0) > before and leader["name"] != alone.name
            running.wait_until(leads, 30, "another leads")
            refuses_and_shows_its_own_view(running, alone, [host.name for host in others])
            told = apply(running, others[1], pair("after", 10, pool=[h.name for h in others]))
            assert told["outcome"] == "converged"
        finally:
            running.switch.link(alone.number, True)
        running.wait_until(lambda: not running.status(alone)["local_view"], 30, "it is back")
        for name in ("old", "meanwhile", "after"):
            one_copy_of_each(running, name, 2)
        # Its commands of the old term, if any were under way, started nothing.
        assert watch.starts("after-node-1") == watch.starts("after-node-2") == 1
    assert not [name for name in hypervisors() if name.startswith("refused")]
