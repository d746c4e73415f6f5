"""A changed manifest changes only what it must. Hypervisors' pids say what was left alone."""

import pathlib

import pytest

from bed.machines import arguments, clean, hypervisors
from bed.toys import apply, instances, manifest, resource, said, settled

HOSTS = 2
FIRST = "10.77.5.1"
NODES = ["shop-first-1", "shop-second-1"]


def shop(seconds="10.77.5.11", **attributes):
    return manifest("chain", "shop", {"first": FIRST, "second": seconds}, **attributes)


def change_of(told):
    return {row["name"]: row["change"] for row in told["changes"]}


@pytest.fixture(scope="module")
def running(site):
    site.start_agents()
    apply(site, site.leader(), shop())
    return site


def test_the_same_again_changes_nothing(running):
    before = hypervisors()
    for host in running.hosts:
        told = apply(running, host, shop(), seconds=10)
        assert change_of(told) == {"shop": "unchanged"} and told["outcome"] == "converged"
    assert "nothing to do" in running.agentctl(running.host(1), "plan")
    assert hypervisors() == before
    assert said(running, "shop-first-1") == ["start first one", "serves"]


def test_a_member_that_is_added_starts_and_the_others_run_on(running):
    before = hypervisors()
    told = apply(running, running.host(2), shop("10.77.5.11-10.77.5.12"))
    assert change_of(told) == {"shop": "changed"}
    after = hypervisors()
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) == {"shop-second-2"}
    # first is what second reads, not the other way round: nothing of it is run again.
    assert said(running, "shop-first-1") == ["start first one", "serves"]
    assert said(running, "shop-second-1") == ["start second one", "serves"]


def test_a_member_that_is_removed_goes_with_its_disk_and_the_others_run_on(running):
    before = hypervisors()
    apply(running, running.host(1), shop())
    running.wait_until(lambda: "shop-second-2" not in hypervisors(), 60, "it is gone")
    del before["shop-second-2"]
    assert hypervisors() == before
    clean(running, "shop-", set(NODES))


def test_an_attribute_that_changed_runs_the_scripts_again_and_no_machine(running):
    before = hypervisors()
    apply(running, running.host(2), shop(word="two"))
    assert hypervisors() == before
    for name in NODES:
        role = name.split("-")[1]
        assert said(running, name) == [f"start {role} one", "serves", f"start {role} two", "serves"]


def test_a_pool_that_changed_moves_nothing_that_runs(running):
    before = hypervisors()
    where = {name: row["host"] for name, row in instances(running, "shop").items()}
    other = next(host.name for host in running.hosts if host.name != where["shop-first-1"])
    apply(running, running.host(1), shop(word="two", pool=[other]))
    assert "nothing to do" in running.agentctl(running.host(1), "plan")
    assert hypervisors() == before
    apply(running, running.host(1), shop(word="two"))
    assert hypervisors() == before


def memory(name):
    """What the hypervisor of this instance was given, in MiB: `-m 128`, or `-m size=131072k`."""
    words = arguments(hypervisors()[name])
    given = words[words.index("-m") + 1].removeprefix("size=")
    return int(given[:-1]) // 1024 if given.endswith("k") else int(given)


def test_memory_that_changed_makes_it_outdated_until_it_is_started_anew(running):
    before = hypervisors()
    assert [memory(name) for name in NODES] == [128, 128]
    apply(running, running.host(2), shop(word="two", vm_mem="160 MiB"))
    assert hypervisors() == before
    assert [memory(name) for name in NODES] == [128, 128]
    for row in instances(running, "shop").values():
        assert row["state"] == "running"
        assert "outdated: memory 131072 -> 163840" in row["reason"], row["reason"]


def test_ensure_stopped_by_manifest_and_back(running):
    before = hypervisors()
    told = apply(running, running.host(1), shop(word="two", vm_mem="160 MiB", ensure="stopped"))
    assert change_of(told) == {"shop": "changed"} and told["outcome"] == "converged"
    assert hypervisors() == {}
    clean(running, "shop-", set(NODES))
    assert resource(running, "shop")["state"] == "stopped"
    again = apply(running, running.host(2), shop(word="two", vm_mem="160 MiB", ensure="stopped"),
                  seconds=10)
    assert change_of(again) == {"shop": "unchanged"} and hypervisors() == {}

    apply(running, running.host(2), shop(word="two", vm_mem="160 MiB"))
    settled(running, "shop", "running")
    assert set(hypervisors()) == set(before)
    for row in instances(running, "shop").values():
        assert row["reason"] == "", "neither outdated nor on a fresh disk"
    assert [memory(name) for name in NODES] == [160, 160]


def test_ensure_absent_by_manifest_forgets_it(running):
    apply(running, running.host(1), shop(word="two", vm_mem="160 MiB", ensure="absent"))
    assert hypervisors() == {}
    running.wait_until(lambda: resource(running, "shop") is None, 30, "it is forgotten")
    left = [file for host in running.hosts for folder in ("disks", "console")
            for file in pathlib.Path(host.folder, "cierzo/state", folder).iterdir()]
    assert left == []
