"""libvirtd killed, hung and absent, under machines that run.

Whatever becomes of the daemon, no machine is touched: what runs there is unknown meanwhile, with
the reason, and known again when the daemon answers. The rest of the site goes on.
"""

import os
import signal
import socket
import time

import pytest

from bed.machines import hypervisors

HANG_SECONDS = 30
NODES = ("p-node-1", "p-node-2", "p-node-3")
MANIFEST = """\
plain:
  p:
    ensure: running
    node: {ips: 10.77.2.11-10.77.2.13, image: mini.qcow2}
    vm_mem: 128 MiB
"""
OTHER = """\
plain:
  q:
    ensure: running
    node: {{ip: 10.77.2.20, image: mini.qcow2}}
    vm_mem: 128 MiB
    pool: [{pool}]
"""


def instances(site, host=None):
    """Name -> row of `agentctl status`."""
    return {row["name"]: row for resource in site.status(host)["resources"]
            for row in resource["instances"]}


def has_its_address(row):
    """A machine without a service needs no guest to run; whoever refuses us is there, though."""
    try:
        socket.create_connection((row["address"], 9), timeout=1).close()
    except ConnectionRefusedError:
        return True
    return False


def all_run(site, names=NODES):
    """Every machine runs, and nothing is left to be done to its guest."""
    site.wait_until(
        lambda: all(has_its_address(instances(site)[name]) for name in names)
        and {instances(site)[name]["state"] for name in names} == {"running"}, 60,
        "every machine runs")


def picture(site):
    """Processes and incarnations: what must not change."""
    pids = hypervisors()
    rows = instances(site)
    return {name: (pids[name], rows[name]["incarnation"], rows[name]["host"]) for name in NODES}


def apply(site, host, text, seconds=60):
    manifest = site.folder / "manifest.yaml"
    manifest.write_text(text, encoding="utf-8")
    site.agentctl(host, "apply", manifest, seconds=seconds)


def host_reason(site, name):
    """What `agentctl hosts` says is wrong with a host."""
    return {row["name"]: row["reason"] for row in site.status()["hosts"]}[name]


def cont(host):
    """libvirtd runs on."""
    host.daemons["libvirtd"].signal(signal.SIGCONT)
    host.daemons["libvirtd"].wake_launcher()


@pytest.fixture(scope="module")
def plain(site):
    site.start_agents()
    apply(site, site.leader(), MANIFEST, 120)
    all_run(site)
    return site


@pytest.fixture(name="victim")
def host_with_machines(plain):
    """A host that runs a machine and does not lead."""
    leader = plain.leader().name
    names = {instances(plain)[name]["host"] for name in NODES}
    return plain.host(next(name for name in sorted(names) if name != leader))


def test_libvirtd_killed_and_started_again(plain, victim):
    before = picture(plain)
    mine = [name for name in NODES if before[name][2] == victim.name]
    victim.stop("libvirtd", signal.SIGKILL)
    plain.wait_until(lambda: {instances(plain)[name]["state"] for name in mine} == {"unknown"}, 30,
                     "what it ran is unknown")
    for name in mine:
        assert victim.name in instances(plain)[name]["reason"]
        assert "hypervisor" in instances(plain)[name]["reason"]
    assert "systemctl status libvirtd" in host_reason(plain, victim.name)
    victim.start_libvirtd()
    all_run(plain)
    assert picture(plain) == before
    assert host_reason(plain, victim.name) == ""


def look_until(site, host, before, end):
    """Until then the host's agent answers at once, again and again, and no machine is touched."""
    while time.monotonic() < end:
        asked = time.monotonic()
        site.status(host)
        assert time.monotonic() - asked < 5, "the agent of that host answers late"
        assert {name: pid for name, pid in hypervisors().items() if name in NODES} == {
            name: seen[0] for name, seen in before.items()}
        time.sleep(0.5)  # Between two looks; `end` is how long libvirtd hangs.


def test_libvirtd_hangs_for_half_a_minute_and_the_rest_of_the_site_goes_on(plain, victim):
    before = picture(plain)
    mine = [name for name in NODES if before[name][2] == victim.name]
    others = ", ".join(host.name for host in plain.hosts if host is not victim)
    hung_at = time.monotonic()
    victim.daemons["libvirtd"].signal(signal.SIGSTOP)
    try:
        plain.wait_until(lambda: {instances(plain)[name]["state"] for name in mine} == {"unknown"},
                         HANG_SECONDS, "what it ran is unknown")
        for name in mine:
            assert victim.name in instances(plain)[name]["reason"]
        assert {instances(plain)[name]["state"] for name in NODES if name not in mine} <= {
            "running"}

        # Work on the other hosts completes while it hangs, asked for at the host where it hangs.
        apply(plain, victim, OTHER.format(pool=others))
        assert "q-node-1" in hypervisors()
        assert instances(plain)["q-node-1"]["host"] != victim.name
        look_until(plain, victim, before, hung_at + HANG_SECONDS - 10)
        plain.agentctl(victim, "stop", "q", seconds=60)
        assert "q-node-1" not in hypervisors()
        look_until(plain, victim, before, hung_at + HANG_SECONDS)
        assert {instances(plain)[name]["state"] for name in mine} == {"unknown"}
    finally:
        cont(victim)
    all_run(plain)
    assert picture(plain) == before


def test_a_machine_that_dies_while_libvirtd_hangs_runs_again_when_it_is_back(plain, victim):
    before = picture(plain)
    name = next(name for name in NODES if before[name][2] == victim.name)
    victim.daemons["libvirtd"].signal(signal.SIGSTOP)
    try:
        os.kill(before[name][0], signal.SIGKILL)
        plain.wait_until(lambda: instances(plain)[name]["state"] != "running", 30, "it is missed")
        plain.wait_until(lambda: host_reason(plain, victim.name), 30, "its libvirtd is missed")
        assert name not in hypervisors()  # Above all not on another host.
    finally:
        cont(victim)
    plain.wait_until(lambda: name in hypervisors(), 60, "it runs again")
    all_run(plain)
    after = picture(plain)
    assert after[name][2] == victim.name and after[name][1] != before[name][1]
    assert {key: value for key, value in after.items() if key != name} == {
        key: value for key, value in before.items() if key != name}


def test_a_machine_that_dies_while_libvirtd_is_down_runs_again_when_it_is_back(plain, victim):
    before = picture(plain)
    name = next(name for name in NODES if before[name][2] == victim.name)
    victim.stop("libvirtd", signal.SIGKILL)
    os.kill(before[name][0], signal.SIGKILL)
    plain.wait_until(lambda: instances(plain)[name]["state"] != "running", 30, "it is missed")
    plain.wait_until(lambda: host_reason(plain, victim.name), 30, "its libvirtd is missed")
    # A kill takes the kernel a while; until then the name's process is the old one.
    plain.wait_until(lambda: name not in hypervisors(), 30, "its process is gone")
    victim.start_libvirtd()
    plain.wait_until(lambda: name in hypervisors(), 60, "it runs again")
    all_run(plain)
    assert picture(plain)[name][2] == victim.name


def test_an_agent_that_finds_no_libvirtd_says_so_and_uses_it_when_it_comes(plain, victim):
    before = picture(plain)
    mine = [name for name in NODES if before[name][2] == victim.name]
    victim.stop("libvirtd", signal.SIGKILL)
    log = victim.folder / "log" / "agentd.log"
    victim.stop("agentd", signal.SIGKILL)
    told = len(log.read_text(encoding="utf-8"))
    plain.start_agent(victim)
    plain.wait_until(lambda: any(
        "the hypervisor does not answer" in line and " warning " in line
        for line in log.read_text(encoding="utf-8")[told:].splitlines()), 30, "the log warns")
    plain.wait_until(lambda: "libvirtd at qemu:///system cannot be reached" in host_reason(
        plain, victim.name), 30, "the reason is shown")
    assert "systemctl status libvirtd" in host_reason(plain, victim.name)
    rows = instances(plain)
    for name in mine:  # Unknown is not absent: nothing of it is started elsewhere.
        assert rows[name]["state"] == "unknown"
        assert victim.name in rows[name]["reason"]
    assert hypervisors() == {name: seen[0] for name, seen in before.items()}
    victim.start_libvirtd()
    all_run(plain)
    assert picture(plain) == before
    apply(plain, plain.leader(), OTHER.format(pool=victim.name).replace("q:", "r:").replace(
        "2.20", "2.21"), 120)
    assert instances(plain)["r-node-1"]["host"] == victim.name
    assert "r-node-1" in hypervisors()
