"""Hosts that lose power and come back: one, and all at once."""

import pathlib

import pytest

from bed.machines import Watch, clean, disks, hypervisors, hypervisors_of, leaks
from bed.toys import (BOOT_SECONDS, Declared, apply, instances, manifest, resource, said,
                      settled)

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


def mark(site, names):
    """Writes the name of each machine on its own disk; a disk that was made anew has no such mark."""
    for name in names:
        guest = Declared(site.host(hypervisor_host(site, name)), name)
        site.wait_until(guest.answers, BOOT_SECONDS, f"{name} answers")
        assert guest.shell(f"echo mark of {name} >/data/mark && sync") == (0, "")


def marks(site, names):
    """Name -> the mark on its disk."""
    found = {}
    for name in names:
        guest = Declared(site.host(hypervisor_host(site, name)), name)
        site.wait_until(guest.answers, BOOT_SECONDS, f"{name} answers")
        found[name] = guest.shell("cat /data/mark")[1].strip()
    return found


def hypervisor_host(site, name):
    """The name of the host that runs this machine."""
    return next(host.name for host in site.hosts if name in hypervisors_of(host))


def test_after_all_hosts_lost_power_the_site_comes_back_as_the_catalog_says(running):
    # One host's libvirtd comes long after its agent, which so cannot tell what there is. One
    # machine there has a disk that must not be lost; the others could be made anew elsewhere.
    slow = running.host(instances(running, "tiers")["tiers-first-1"]["host"])
    apply(running, running.leader(), manifest("vault", "safe", {"store": "10.77.8.31"},
                                              pool=[slow.name]))
    names = NAMES | {"again-node-1", "safe-store-1"}
    mark(running, names)
    where = {name: hypervisor_host(running, name) for name in names}
    before = {name: disks(pid) for name, pid in hypervisors().items()}
    assert set(before) == names and all(before.values())
    for host in running.hosts:
        host.power_cut()
    assert hypervisors() == {}
    with Watch() as watch:
        slow.power_on()
        running.start_agent(slow)
        for host in running.hosts:
            if host is not slow:
                running.boot(host)
        running.leader()
        alive(running)
        # After a boot nothing can run there yet, but until it has looked any disk may be there: what
        # is on no other host waits.
        late = {name for name, host in where.items() if host == slow.name}

        def waited_for():
            rows = [row for name in ("tiers", "again", "safe")
                    for row in instances(running, name).values() if row["name"] in late]
            return len(rows) == len(late) and all(
                row["state"] == "unknown" and f"host {slow.name} " in row["reason"] for row in rows)
        running.wait_until(waited_for, 60, f"{slow.name} is waited for")
        assert not [run for run in watch.runs if run[0] in late], "unknown is not absent"
        slow.start_libvirtd()
        for name in ("tiers", "again", "safe"):
            settled(running, name, "running")
        assert set(hypervisors()) == names
        assert resource(running, "idle")["state"] == "stopped", "what was stopped stays stopped"
        assert watch.starts("idle-node-1") == watch.starts("idle-node-2") == 0
        assert {name: watch.starts(name) for name in names} == {name: 1 for name in names}
        assert watch.doubles == []
    # Every host came back, so every machine found its own disk, with what it wrote there.
    assert where == {name: hypervisor_host(running, name) for name in names}
    assert before == {name: disks(pid) for name, pid in hypervisors().items()}
    assert marks(running, names) == {name: f"mark of {name}" for name in names}
    for name in NAMES:
        assert said(running, name)[0].startswith("start "), "its services were started anew"


def test_what_was_stopped_starts_where_its_disks_are(running):
    running.agentctl(running.leader(), "start", "idle", seconds=60)
    for host in running.hosts:
        for disk in pathlib.Path(host.folder, "cierzo/state/disks").glob("idle-*.qcow2"):
            assert disk.stem in hypervisors_of(host)
    clean(running, "idle-", {"idle-node-1", "idle-node-2"})
