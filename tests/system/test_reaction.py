"""What happens to a machine, or to an agent, and how the site answers it: a hypervisor process that
dies, an agent that is killed or stopped. How fast is measured in tests/bench/reaction; here the
deadlines are generous, and what counts is what is done.
"""

import os
import signal

import pytest

from bed.machines import disks, hypervisors

NODES = ("p-node-1", "p-node-2", "p-node-3")
MANIFEST = """\
plain:
  p:
    ensure: running
    node: {ips: 10.77.2.11-10.77.2.13, image: mini.qcow2}
    vm_mem: 128 MiB
"""


def instances(site, host=None):
    """Name -> row of `agentctl status`."""
    return {row["name"]: row for resource in site.status(host)["resources"]
            for row in resource["instances"]}


def host_state(site, name):
    """What the site says of a host: alive, suspect, lost or held."""
    return {row["name"]: row["state"] for row in site.status()["hosts"]}[name]


def all_run(site):
    site.wait_until(
        lambda: {row["state"] for row in instances(site).values()} == {"running"}
        and sorted(hypervisors()) == sorted(NODES), 60, "every machine runs")


def incarnations(site):
    return {name: row["incarnation"] for name, row in instances(site).items()}


@pytest.fixture(scope="module")
def plain(site):
    site.start_agents()
    manifest = site.folder / "plain.yaml"
    manifest.write_text(MANIFEST, encoding="utf-8")
    site.agentctl(site.leader(), "apply", manifest, seconds=120)
    all_run(site)
    return site


@pytest.fixture(autouse=True)
def before(plain):
    """Every test begins with a site at rest; returns what runs then."""
    all_run(plain)
    return {"pids": hypervisors(), "incarnations": incarnations(plain)}


def test_a_hypervisor_that_is_killed_runs_again_on_its_disk_and_the_others_are_left_alone(
        plain, before):
    victim = "p-node-2"
    disk = disks(before["pids"][victim])
    host = instances(plain)[victim]["host"]
    assert len(disk) == 1
    os.kill(before["pids"][victim], signal.SIGKILL)
    plain.wait_until(lambda: hypervisors().get(victim, before["pids"][victim])
                     != before["pids"][victim], 20, "another process runs the machine", poll=0.02)
    all_run(plain)
    assert disks(hypervisors()[victim]) == disk
    assert instances(plain)[victim]["host"] == host
    assert instances(plain)[victim]["incarnation"] != before["incarnations"][victim]
    for name in NODES:
        if name != victim:
            assert hypervisors()[name] == before["pids"][name]
            assert incarnations(plain)[name] == before["incarnations"][name]


def test_a_death_is_told_while_the_domain_still_stands_in_libvirt_s_list(plain, before):
    """The kernel says it: that libvirtd cannot be asked just now changes nothing."""
    victim = "p-node-1"
    host = plain.host(instances(plain)[victim]["host"])
    libvirtd = host.daemons["libvirtd"]
    libvirtd.signal(signal.SIGSTOP)
    try:
        os.kill(before["pids"][victim], signal.SIGKILL)
        # Well before anybody could find out that libvirtd hangs, which takes seconds.
        plain.wait_until(lambda: instances(plain)[victim]["state"] != "running", 3,
                         f"{victim} is known to be dead", poll=0.02)
    finally:
        libvirtd.signal(signal.SIGCONT)
        libvirtd.wake_launcher()
    plain.wait_until(lambda: hypervisors().get(victim, before["pids"][victim])
                     != before["pids"][victim], 60, "another process runs the machine")


def test_every_machine_of_a_host_at_once(plain, before):
    for pid in before["pids"].values():
        os.kill(pid, signal.SIGKILL)
    plain.wait_until(lambda: set(hypervisors()) == set(NODES)
                     and not set(hypervisors().values()) & set(before["pids"].values()), 60,
                     "all of them run again")


def test_the_leader_s_agent_is_killed_and_no_machine_notices(plain, before):
    leader = plain.leader()
    term = plain.status()["leader"]["term"]
    plain.restart_agent(leader, signal.SIGKILL)
    plain.wait_until(lambda: plain.status()["leader"]["term"] > term, 10, "a later term began")
    plain.wait_until(lambda: host_state(plain, leader.name) == "alive", 10, "it is back")
    all_run(plain)
    assert hypervisors() == before["pids"]
    assert incarnations(plain) == before["incarnations"]


def test_another_agent_is_killed_and_nobody_else_notices(plain, before):
    leader = plain.leader()
    term = plain.status()["leader"]["term"]
    other = next(host for host in plain.hosts if host is not leader)
    plain.restart_agent(other, signal.SIGKILL)
    plain.wait_until(lambda: host_state(plain, other.name) == "alive", 10, "it is back")
    all_run(plain)
    assert plain.status()["leader"]["term"] == term
    assert hypervisors() == before["pids"]
    assert incarnations(plain) == before["incarnations"]


def test_a_leader_that_is_stopped_hands_over_and_is_held(plain, before):
    leader = plain.leader()
    leader.stop("agentd", signal.SIGTERM)
    # The others need not wait until its lease ends: it released it.
    plain.wait_until(lambda: plain.leader() is not leader, 10, "another host leads")
    plain.wait_until(lambda: host_state(plain, leader.name) == "held", 10, "its host is held")
    assert hypervisors() == before["pids"]
    plain.start_agent(leader)
    plain.wait_until(lambda: host_state(plain, leader.name) == "alive", 30, "it is back")
    all_run(plain)
    assert hypervisors() == before["pids"]
    assert incarnations(plain) == before["incarnations"]
