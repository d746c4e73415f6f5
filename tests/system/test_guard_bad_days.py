"""The guard on real hosts, on days when more is wrong than a permit that ends: nobody guards, the guard
is of another version, memory runs out, a disk is shared (rules 13 and 14).

Looked at from outside: the state of hypervisor processes in /proc, never what an agent says of them.
How late a guard is, is measured by tests/bench/guard_delay; deadlines here are generous.
"""

import pathlib
import shutil
import signal
import struct
import time

import pytest

from bed import guard_page
from bed.guard_page import lives, paused, runs
from bed.machines import arguments, hypervisors, hypervisors_of
from bed.pressure import Pressure
from bed.site import Site
from bed.toys import TYPES, apply, instances, manifest, settled, shared_image, write

PATIENCE = 30
PERMIT, DESTROY_AFTER = 6, 5  # Seconds. A permit that outlasts an upgrade on a busy machine.
LATE = 1.0  # Seconds. What a guard that is in time may be at most, on the busiest of test machines.


@pytest.fixture(name="site", scope="module")
def site_with_a_long_permit():
    with Site(timing=f"permit: {PERMIT}s, converge: {PERMIT + 3}s") as made:
        yield made


@pytest.fixture(scope="module")
def victim(site):
    return site.host(3)


@pytest.fixture(scope="module")
def running(site, victim):
    """Three that may run on the victim only: one of its own disk, one that runs on when isolated, one
    whose disk is shared."""
    site.start_agents()
    text = (manifest("bare", "stay", {"node": "10.77.21.1"}, pool=[victim.name])
            + manifest("plain", "island", {"node": "10.77.21.2"}, pool=[victim.name],
                       on_isolation="ignore")
            + manifest("box", "common", {"box": "10.77.21.3"}, pool=[victim.name], disk="shared",
                       image=shared_image(site)))
    apply(site, site.leader(), text, "--no-wait")
    return site


@pytest.fixture(autouse=True)
def pids(running, victim):
    """Every test begins with a site at rest: the three run, once each."""
    running.wait_until(lambda: {row["state"] for row in running.status()["hosts"]} == {"alive"},
                       PATIENCE, "all hosts are alive")
    names = {"stay-node-1", "island-node-1", "common-box-1"}
    running.wait_until(
        lambda: names <= set(hypervisors_of(victim))
        and all(runs(pid) for pid in hypervisors().values())
        and all(instances(running, name.split("-")[0])[name]["state"] in ("running", "booting",
                                                                          "configuring")
                for name in names), 2 * PATIENCE, "all run")
    return hypervisors_of(victim)


def wait_paused(site, pid):
    site.wait_until(lambda: paused(pid), PATIENCE, "it is paused", poll=0.01)


def wait_resumed(site, pid):
    site.wait_until(lambda: runs(pid), PATIENCE, "it was resumed", poll=0.05)


def test_an_isolated_host_kills_what_has_a_shared_disk_and_leaves_alone_what_may_run_on(
        running, victim, pids):
    common = pids["common-box-1"]
    assert f"{running.folder}/shared.qcow2" in " ".join(arguments(common)), "it writes there"
    running.switch.link(victim.number, False)
    try:
        wait_paused(running, common)
        ended = guard_page.deadline(victim)
        assert ended <= guard_page.now(), "not before its permit has ended"
        while lives(common):
            assert not runs(common), "it never runs again"
            assert guard_page.now() < ended + DESTROY_AFTER + PATIENCE, "it is killed at last"
            time.sleep(0.005)  # Between two looks.
        assert guard_page.now() >= ended + DESTROY_AFTER, "but not earlier"
        assert paused(pids["stay-node-1"]), "what has a disk of its own is only paused"
        assert runs(pids["island-node-1"])
    finally:
        running.switch.link(victim.number, True)
    wait_resumed(running, pids["stay-node-1"])
    assert hypervisors_of(victim)["island-node-1"] == pids["island-node-1"]


def test_a_guard_that_is_stopped_while_armed_is_missed(running, victim, pids):
    """As `systemctl stop cierzo-guard` does it, on a host that nothing else is wrong with."""
    victim.stop("guard", signal.SIGTERM)
    assert all(lives(pid) for pid in pids.values()), "it kills only what is paused"

    def reason():
        rows = {row["name"]: row for row in running.status()["hosts"]}
        return "systemctl start cierzo-guard" in rows[victim.name]["reason"]
    running.wait_until(reason, PATIENCE, "its row says that it has no guard")
    file = write(running, "new.yaml", manifest("bare", "new", {"node": "10.77.21.9"},
                                               pool=[victim.name]))
    running.agentctl(running.leader(), "--types", TYPES, "apply", "--no-wait", file)
    running.wait_until(lambda: "is not guarded" in instances(running, "new")["new-node-1"]["reason"],
                       PATIENCE, "nothing is placed there")
    # Its permit ends, and the agent sees it in the guard's place.
    for name in ("stay-node-1", "common-box-1"):
        wait_paused(running, pids[name])
    assert guard_page.deadline(victim) <= guard_page.now()
    assert runs(pids["island-node-1"])
    assert "new-node-1" not in hypervisors()
    running.start_guard(victim)
    wait_resumed(running, pids["stay-node-1"])
    settled(running, "new", "running")
    running.agentctl(running.leader(), "delete", "--yes", "new")


def test_a_guard_of_another_version_goes_on_where_the_old_one_was(running, victim, pids):
    """What an upgrade, or the way back, does: the page that it finds is of another version, with the same
    fields at the same place and some more."""
    page = guard_page.page_of(victim)
    victim.stop("guard", signal.SIGKILL)
    data = bytearray(page.read_bytes())
    version, size = struct.unpack_from("=II", data, 8)
    struct.pack_into("=II", data, 8, version + 1, size + 64)
    other = page.with_name("guard.page.other")
    other.write_bytes(bytes(data) + bytes(64))
    other.rename(page)
    began = guard_page.now()
    running.start_guard(victim)
    # It ends the agent that the other page names; the test is what systemd is on a real host.
    victim.daemons.pop("agentd").wait()
    running.start_agent(victim)
    while guard_page.now() < began + PERMIT + 1:  # Past the end of the permit that it took over.
        assert all(runs(pid) for pid in pids.values()), "nothing is paused"
        time.sleep(0.01)  # Between two looks.
    assert struct.unpack_from("=I", page.read_bytes(), 8)[0] == version, "its own page"
    assert guard_page.deadline(victim) > guard_page.now(), "and the host has a permit by it"
    assert hypervisors_of(victim) == pids
    # It guards what the old one held.
    running.switch.link(victim.number, False)
    try:
        wait_paused(running, pids["stay-node-1"])
        assert runs(pids["island-node-1"])
    finally:
        running.switch.link(victim.number, True)
    wait_resumed(running, pids["stay-node-1"])


def test_a_host_whose_memory_runs_out_pauses_in_time(running, victim, pids):
    """The guard, from its first page on, shares too little memory with a hog."""
    if not Pressure.possible():  # With cgroup v2 a group that has processes cannot have children.
        pytest.skip("not run: this machine has no memory controller of cgroup v1")
    program = running.folder / "guard-of-its-own"  # Whose pages nobody else has read.
    shutil.copy(running.programs / "cierzo-guard", program)
    victim.stop("guard", signal.SIGKILL)
    pressure = Pressure(running.folder)
    try:
        with pressure.joined():
            guard = victim.start("guard", *victim.clock, program)
        running.wait_until(lambda: guard_page.deadline(victim) > guard_page.now() + PERMIT / 2,
                           PATIENCE, "the host has a permit")
        pressure.begin()
        running.wait_until(lambda: pressure.refused() > 1000, PATIENCE, "memory runs out")
        pathlib.Path("/proc/sys/vm/drop_caches").write_text("3", encoding="ascii")
        faults, refused = major_faults(guard.pid), pressure.refused()
        running.switch.link(victim.number, False)
        wait_paused(running, pids["stay-node-1"])
        late = guard_page.now() - guard_page.deadline(victim)
        assert 0 <= late < LATE
        assert pressure.refused() > refused and pressure.lives(), "memory was short all the time"
        assert major_faults(guard.pid) == faults, "nothing of the guard had to be read again"
        assert locked_kib(guard.pid) > 1000
    finally:
        running.switch.link(victim.number, True)
        pressure.end()
    wait_resumed(running, pids["stay-node-1"])


def major_faults(pid):
    stat = pathlib.Path("/proc", str(pid), "stat").read_text(encoding="utf-8")
    return int(stat.rpartition(")")[2].split()[9])


def locked_kib(pid):
    status = pathlib.Path("/proc", str(pid), "status").read_text(encoding="utf-8")
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmLck")))
