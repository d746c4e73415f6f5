"""Fifty machines in one manifest, on three hosts with agents and libvirtds, and libvirt's test driver in the place of
QEMU: domains are real to libvirt and to the agents, but cost nothing. What its domains cannot do is answer as a guest,
so their type has no scripts, and `running` says no more than that their domains run: no health is claimed.
"""

import collections
import json
import time

import pytest

from bed.site import REPOSITORY, Site

COUNT = 50
TYPES = REPOSITORY / "tests" / "system" / "types"
# Inside libvirtd, so that the domains outlive an agent and end with their host.
DRIVER = "test+unix:///default?socket=/run/libvirt/libvirt-sock"
FOREIGN = "test"  # The domain that every test driver begins with.
MANIFEST = f"""\
box:
  many:
    ensure: running
    box: {{ips: 10.77.5.1-10.77.5.{COUNT}, image: mini.qcow2}}
    vm_mem: 64 MiB
"""


class TestDriverSite(Site):
    """A site whose agents use the test driver of their host's libvirtd."""

    __test__ = False  # No test case, whatever its name.

    def configuration(self, host):
        text = super().configuration(host)
        return (text.replace("qemu:///system", DRIVER)
                .replace("{memory: 2 GiB, cpus: 8}", "{memory: 16 GiB, cpus: 64}")
                .replace("/resources/types]", f"/resources/types, {TYPES}]"))


@pytest.fixture(scope="module")
def site():
    with TestDriverSite(hosts=3) as made:
        made.start_agents()
        made.leader()
        yield made


def domains(site):
    """Name -> the names of the powered hosts whose libvirtd runs it, as libvirt says."""
    found = collections.defaultdict(list)
    for host in site.hosts:
        if host.powered:
            listed = host.run("virsh", "--quiet", "-c", DRIVER, "list", "--name")
            for name in listed.split():
                found[name].append(host.name)
    assert len(found.pop(FOREIGN)) == sum(host.powered for host in site.hosts)
    return dict(found)


def each_once(site):
    """Whether all of them run, each on one host."""
    found = domains(site)
    return len(found) == COUNT and all(len(hosts) == 1 for hosts in found.values()) and found


def disks(site, pattern="many-*.qcow2"):
    """The disks of instances on every host that has power."""
    return sorted(path.name for host in site.hosts if host.powered
                  for path in (host.folder / "cierzo" / "state" / "disks").glob(pattern))


def say(what, began):
    print(f"{COUNT} machines on the test driver: {what} after {time.monotonic() - began:.1f} s")


def test_fifty_are_applied_and_spread_over_the_hosts(site):
    manifest = site.folder / "many.yaml"
    manifest.write_text(MANIFEST, encoding="utf-8")
    began = time.monotonic()
    site.agentctl(site.host(2), "--types", TYPES, "apply", manifest, seconds=120)
    say("applied", began)
    found = each_once(site)
    assert found
    share = collections.Counter(hosts[0] for hosts in found.values())
    assert sorted(share.values()) == [16, 17, 17]


def test_no_more_is_claimed_of_them_than_is_known(site):
    rows = [row for resource in site.status()["resources"] for row in resource["instances"]]
    assert {row["state"] for row in rows} == {"running"}
    assert {row["health"] for row in rows} == {"unknown"}
    assert "nothing to do" in site.agentctl(site.host(3), "plan")


def test_the_share_of_a_lost_host_comes_back_elsewhere(site):
    before = domains(site)
    lost = next(host for host in site.hosts if host is not site.leader())
    began = time.monotonic()
    lost.power_cut()
    found = site.wait_until(lambda: each_once(site), 90, "all run again on two hosts")
    say("a lost host's share replaced", began)
    stayed = {name for name, hosts in before.items() if hosts != [lost.name]}
    assert {name: found[name] for name in stayed} == {name: before[name] for name in stayed}


def test_a_host_that_is_back_empty_disturbs_nothing(site):
    before = domains(site)
    back = next(host for host in site.hosts if not host.powered)
    site.boot(back)
    site.wait_until(
        lambda: {row["name"]: row["state"] for row in site.status()["hosts"]}[back.name] == "alive",
        60, "the host is back")
    # Its old disks are of no use to anybody: they go, each only where its machine runs elsewhere.
    site.wait_until(lambda: len(disks(site)) == COUNT, 60, "each has one disk")
    assert domains(site) == before


def test_stop_ends_them_all(site):
    began = time.monotonic()
    site.agentctl(site.host(1), "stop", "many", seconds=120)
    say("stopped", began)
    assert not domains(site)
    again = json.loads(site.agentctl(site.host(1), "--output", "json", "stop", "many"))
    assert again["changes"] == [{"name": "many", "change": "unchanged"}]


def test_delete_leaves_no_disk(site):
    site.agentctl(site.host(1), "delete", "--yes", "many", seconds=120)
    site.wait_until(lambda: not disks(site, "*"), 60, "no disk is left")
    assert not site.status()["resources"]
