"""Hosts that lose power and come back: one, and all at once."""

import pathlib

import pytest

from bed.machines import Watch, clean, hypervisors, hypervisors_of, leaks
from bed.toys import apply, instances, manifest, resource, said, settled

HOSTS = 3
CHAIN = {"first": "10.77.8.1-10.77.8.2", "second": "10.77.8.3"}
NAMES = {"tiers-first-1", "tiers-first-2", "tiers-second-1"}


@pytest.fixture(scope="module")
def running(site):
    site.start_agents()
    apply(site, site.leader(), manifest("bare", "idle", {"node": "10.77.8.11-10.77.8.12"}))
    apply(site, site.leader(), manifest("chain", "tiers", CHAIN))
    site.agentctl(site.leader(), "stop", "idle", seconds=60)
    return site


def alive(site):
    site.wait_until(lambda: {row["state"] for row in site.status()["hosts"]} == {"alive"}, 60,
                    "all hosts are alive")


def test_a_host_that_reboots_comes_back_empty_and_is_used_again(running):
    victim = running.host(instances(running, "tiers")["tiers-first-2"]["host"])
    ran = {name for name in hypervisors_of(victim)}
    assert "tiers-first-2" in ran
    victim.power_cut()
    running.wait_until(lambda: ran <= set(hypervisors()), 60, "what it ran is started elsewhere")
    settled(running, "tiers", "running")
    elsewhere = hypervisors()
    for name in ran:
        assert "fresh disk" in instances(running, "tiers")[name]["reason"]
    with Watch() as watch:
        running.boot(victim)
        alive(running)
        settled(running, "tiers", "running")
        # Nothing of what it ran starts there again, and its stale disks go.
        running.wait_until(lambda: leaks(running, "tiers-", NAMES) == [] and not [
            disk for disk in pathlib.Path(victim.folder, "cierzo/state/disks").glob("tiers-*.qcow2")
            if disk.stem in ran], 30, "its stale disks are gone")
        assert hypervisors() == elsewhere and hypervisors_of(victim) == {}
        apply(running, victim, manifest("bare", "again", {"node": "10.77.8.21"},
                                        pool=[victim.name]))
        assert set(hypervisors_of(victim)) == {"again-node-1"}
        assert watch.doubles == []


def test_after_all_hosts_lost_power_the_site_comes_back_as_the_catalog_says(running):
    disks = {host.name: {disk.name for disk in pathlib.Path(
        host.folder, "cierzo/state/disks").glob("*.qcow2")} for host in running.hosts}
    where = {name: row["host"] for name, row in instances(running, "tiers").items()}
    for host in running.hosts:
        host.power_cut()
    assert hypervisors() == {}
    with Watch() as watch:
        for host in running.hosts:
            running.boot(host)
        running.leader()
        settled(running, "tiers", "running")
        settled(running, "again", "running")
        assert set(hypervisors()) == NAMES | {"again-node-1"}
        assert resource(running, "idle")["state"] == "stopped", "what was stopped stays stopped"
        assert watch.starts("idle-node-1") == watch.starts("idle-node-2") == 0
        assert all(watch.starts(name) == 1 for name in NAMES)
        assert watch.doubles == []
    # Every host came back, so every machine found its own disk.
    assert where == {name: row["host"] for name, row in instances(running, "tiers").items()}
    assert all("fresh disk" not in row["reason"] for name, row in
               instances(running, "tiers").items() if name == "tiers-first-1")
    assert disks == {host.name: {disk.name for disk in pathlib.Path(
        host.folder, "cierzo/state/disks").glob("*.qcow2")} for host in running.hosts}
    for name in NAMES:
        assert said(running, name)[0].startswith("start "), "its services were started anew"


def test_what_was_stopped_starts_where_its_disks_are(running):
    running.agentctl(running.leader(), "start", "idle", seconds=60)
    for host in running.hosts:
        for disk in pathlib.Path(host.folder, "cierzo/state/disks").glob("idle-*.qcow2"):
            assert disk.stem in hypervisors_of(host)
    clean(running, "idle-", {"idle-node-1", "idle-node-2"})
