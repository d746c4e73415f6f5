"""Stopping and deleting: a guest that will not go is ended, what is not ours is not touched."""

import json
import pathlib
import time

import pytest

from bed.guest import Guest
from bed.machines import Watch, clean, hypervisors, hypervisors_of
from bed.toys import apply, console, gone, instances, manifest

HOSTS = 2
GRACE = 30  # Seconds between the power button and the end; ladder.hpp, stop_grace.
TEXT = manifest("deaf", "grim", {"node": "10.77.4.1"}, pool=["node1"])
WIDE = manifest("bare", "wide", {"node": "10.77.4.11-10.77.4.14"})


@pytest.fixture(scope="module")
def foreign(site):
    """Somebody else's machines, with names like ours, and files among our disks."""
    one, two = site.hosts
    site.start_agents()
    site.leader()
    Guest(site, one, "grim-node-2")  # As an instance that nothing declares any more.
    Guest(site, two, "grim-node")
    Guest(site, two, "accounts")
    files = {}
    for host, name in ((one, "grim-node-3.qcow2"), (two, "accounts-disk-1.qcow2"),
                       (two, "notes.txt"), (two, "wide-node-9.qcow2")):
        file = pathlib.Path(host.folder, "cierzo", "state", "disks", name)
        file.write_bytes(f"not ours: {name}".encode())
        files[file] = file.read_bytes()
    return hypervisors(), files


@pytest.fixture(autouse=True)
def untouched(foreign):
    """Whatever a test did, they run on under the same pids, and their files are what they were."""
    yield
    machines, files = foreign
    now = hypervisors()
    assert {name: now.get(name) for name in machines} == machines
    assert {file: file.read_bytes() if file.exists() else None for file in files} == files


def test_what_is_not_ours_is_left_alone_and_not_shown(site, foreign):
    apply(site, site.host(1), WIDE)
    apply(site, site.host(2), TEXT)
    shown = {name for resource in site.status()["resources"]
             for name in (row["name"] for row in resource["instances"])}
    assert shown == {"grim-node-1"} | {f"wide-node-{i}" for i in range(1, 5)}
    assert shown | set(foreign[0]) == set(hypervisors())


def test_a_stopped_resource_is_down_on_every_host_and_keeps_its_disks(site):
    site.agentctl(site.host(2), "stop", "wide", seconds=60)
    assert not [name for name in hypervisors() if name.startswith("wide")]
    disks = {f"wide-node-{i}" for i in range(1, 5)} | {"wide-node-9"}
    clean(site, "wide-", disks)
    kept = [file.stem for host in site.hosts
            for file in pathlib.Path(host.folder, "cierzo/state/disks").glob("wide-*.qcow2")]
    assert sorted(kept) == sorted(disks)


def test_a_guest_that_ignores_every_request_is_ended_when_its_time_is_up(site):
    pid = hypervisors()["grim-node-1"]
    began = time.monotonic()
    site.agentctl(site.host(1), "stop", "grim", seconds=2 * GRACE)
    took = time.monotonic() - began
    assert "grim-node-1" not in hypervisors()
    assert not pathlib.Path(f"/proc/{pid}").exists()
    assert took >= GRACE - 1, "it had its time"
    assert took < 1.5 * GRACE, "and not twice that"
    said = console(site, "grim-node-1")
    assert "deaf: asked" in said, "it was asked"
    assert "Power down" not in said, "it did not go by itself"


def test_a_second_stop_succeeds_at_once_and_does_nothing(site):
    with Watch() as watch:
        before = hypervisors()
        told = json.loads(site.agentctl(site.host(2), "--output", "json", "stop", "grim",
                                        seconds=10))
        assert told["changes"] == [{"name": "grim", "change": "unchanged"}]
        assert told["outcome"] == "converged" and told["waited_s"] < 2
        assert hypervisors() == before
        assert len(watch.runs) == len(before), "nothing was started"


def test_delete_removes_the_disks_and_nothing_else(site, foreign):
    for name in ("wide", "grim"):
        site.agentctl(site.host(1), "delete", "--yes", name, seconds=60)
        gone(site, name)
    ours = {file.name for host in site.hosts for folder in ("disks", "console")
            for file in pathlib.Path(host.folder, "cierzo/state", folder).iterdir()}
    assert ours == {file.name for file in foreign[1]}
    assert site.status()["resources"] == []


def test_a_name_that_somebody_else_has_is_refused_with_the_reason(site):
    """Also its disk: a file of that name that we did not make is not taken for ours."""
    apply(site, site.host(1), manifest("bare", "grim", {"node": "10.77.4.1-10.77.4.3"},
                                       pool=["node1"]), "--no-wait")

    def reasons():
        return {name: row["reason"] for name, row in instances(site, "grim").items()}
    site.wait_until(lambda: "node-1" in " ".join(hypervisors_of(site.host(1))) and
                    "grim-node-2" in reasons()["grim-node-2"] and
                    "grim-node-3.qcow2" in reasons()["grim-node-3"], 30,
                    "the reasons are shown")
    assert site.status()["resources"][0]["state"] in ("degraded", "converging")
    site.agentctl(site.host(1), "delete", "--yes", "grim", seconds=60)
    gone(site, "grim")


