"""The guard on real hosts: who loses its permit pauses its machines, whatever hangs or is dead there;
who comes back resumes what was not replaced and ends what was (rules 12 to 17).

Looked at from outside: the state of hypervisor processes in /proc ("T": stopped), never what an agent
says of them. Deadlines are generous.
"""

import signal
import subprocess
import sys
import time

import pytest

from bed.guard_page import lives, paused, runs
from bed.machines import Watch, hypervisors, hypervisors_of
from bed.toys import BOOT_SECONDS, Declared, apply, instances, manifest, settled

PATIENCE = 30
PERMIT = 2  # Seconds, by default.
CLOCK_SECONDS = 3  # How wrong a guest's clock may be after a resume; it stood still for longer.


def cut(site, host):
    site.switch.link(host.number, False)


def mend(site, host):
    site.switch.link(host.number, True)


def alive(site):
    site.wait_until(lambda: {row["state"] for row in site.status()["hosts"]} == {"alive"}, PATIENCE,
                    "all hosts are alive")


@pytest.fixture(scope="module")
def victim(site):
    return site.host(3)


@pytest.fixture(scope="module")
def running(site, victim):
    """`stay` may run on the victim only, `move` anywhere and best there, `island` runs on when it is
    isolated."""
    site.start_agents()
    leader = site.leader()
    apply(site, leader, manifest("plain", "stay", {"node": "10.77.20.1"}, pool=[victim.name]))
    apply(site, leader, manifest("bare", "move", {"node": "10.77.20.2"},
                                 pool=[victim.name, "node2", "node1"]))
    apply(site, leader, manifest("bare", "island", {"node": "10.77.20.3"}, pool=[victim.name],
                                 on_isolation="ignore"))
    return site


@pytest.fixture(autouse=True)
def pids(running, victim):
    """Every test begins with a site at rest: the three run, once each."""
    alive(running)
    for name in ("stay", "move", "island"):
        settled(running, name, "running")
    found = hypervisors_of(victim)
    assert {"stay-node-1", "island-node-1"} <= set(found)
    assert all(runs(pid) for pid in hypervisors().values())
    return found


def wait_paused(site, *which):
    site.wait_until(lambda: all(paused(pid) for pid in which), PATIENCE, "the guard has paused",
                    poll=0.01)


def wait_resumed(site, pid):
    site.wait_until(lambda: runs(pid), PATIENCE, "it was resumed", poll=0.05)
    time.sleep(0.2)  # That nothing happens is what is tested: some ten looks of the guard.
    assert runs(pid), "and stays so"


def test_who_is_cut_off_pauses_and_resumes_what_was_not_replaced(running, victim, pids):
    guest = Declared(victim, "stay-node-1")
    running.wait_until(guest.answers, BOOT_SECONDS, "its guest agent answers")
    incarnation = instances(running, "stay")["stay-node-1"]["incarnation"]
    with Watch() as watch:
        began = time.monotonic()
        cut(running, victim)
        try:
            wait_paused(running, pids["stay-node-1"], pids["move-node-1"])
            assert time.monotonic() - began > PERMIT / 2, "not before its permit has ended"
            assert runs(pids["island-node-1"])
            settled(running, "move", "running")
            assert watch.starts("move-node-1") == 2, "replaced"
            assert paused(pids["move-node-1"])
            time.sleep(max(0.0, began + 10 - time.monotonic()))  # So that its clock is wrong.
        finally:
            mend(running, victim)
        wait_resumed(running, pids["stay-node-1"])
        running.wait_until(lambda: not lives(pids["move-node-1"]), PATIENCE, "the old copy is ended")
        settled(running, "stay", "running")
        assert instances(running, "stay")["stay-node-1"]["incarnation"] != incarnation
        assert hypervisors_of(victim) == {name: pids[name]
                                          for name in ("stay-node-1", "island-node-1")}

        def on_time():
            said, now = guest.shell("date +%s")[1], time.time()
            return abs(int(said) - now) < CLOCK_SECONDS
        running.wait_until(on_time, 10, "the guest's clock was set")


def test_an_agent_that_hangs_is_killed_and_its_machines_are_paused(running, victim, pids):
    agent = victim.daemons["agentd"]
    agent.signal(signal.SIGSTOP)
    running.wait_until(lambda: not lives(agent.pid), PATIENCE, "its guard has killed it")
    victim.stop("agentd", signal.SIGKILL)  # Reaped.
    wait_paused(running, pids["stay-node-1"])
    assert runs(pids["island-node-1"])
    running.start_agent(victim)
    wait_resumed(running, pids["stay-node-1"])


def test_libvirtd_hangs_and_the_agent_is_dead_and_machines_are_paused_all_the_same(
        running, victim, pids):
    victim.daemons["libvirtd"].signal(signal.SIGSTOP)
    try:
        victim.stop("agentd", signal.SIGKILL)
        wait_paused(running, pids["stay-node-1"])
    finally:
        victim.daemons["libvirtd"].signal(signal.SIGCONT)
        victim.daemons["libvirtd"].wake_launcher()
    running.start_agent(victim)
    wait_resumed(running, pids["stay-node-1"])


def test_who_thaws_after_it_was_replaced_is_paused_at_once(running, victim, pids):
    apply(running, running.leader(), manifest("bare", "thaw", {"node": "10.77.20.9"},
                                              pool=[victim.name, running.host(2).name]))
    old = hypervisors_of(victim)["thaw-node-1"]
    victim.freeze()
    try:
        running.wait_until(lambda: "thaw-node-1" in hypervisors_of(running.host(2)), PATIENCE,
                           "it is started elsewhere")
    finally:
        victim.thaw()  # It continues every process, those that are paused as well.
    running.wait_until(lambda: not runs(old), 2, "the copy that was replaced does not run", 0.01)
    while lives(old):  # And never again, until it is ended.
        assert not runs(old)
        time.sleep(0.005)  # Between two looks.
    alive(running)
    settled(running, "thaw", "running")
    assert "thaw-node-1" in hypervisors_of(running.host(2))
    # What nobody could replace was paused and resumed: it is the same process.
    settled(running, "stay", "running")
    wait_resumed(running, pids["stay-node-1"])
    assert hypervisors_of(victim)["stay-node-1"] == pids["stay-node-1"]
    running.agentctl(running.leader(), "delete", "--yes", "thaw")


def test_a_busy_host_pauses_in_time(running, victim, pids):
    busy = [subprocess.Popen([*victim.enter, sys.executable, "-c", "while True: pass"])
            for _ in range(6)]
    try:
        cut(running, victim)
        began = time.monotonic()
        wait_paused(running, pids["stay-node-1"])
        assert time.monotonic() - began < PERMIT + 3
    finally:
        mend(running, victim)
        for process in busy:
            process.kill()
            process.wait()
    wait_resumed(running, pids["stay-node-1"])


def test_a_host_that_is_stopped_cleanly_runs_on(running, victim, pids):
    victim.stop("agentd", signal.SIGTERM)
    time.sleep(PERMIT + 2)  # That nothing happens is what is tested, past its permit's end.
    assert all(runs(pid) for pid in pids.values())
    running.start_agent(victim)
    alive(running)
    time.sleep(0.5)  # Likewise, some looks of the guard after it was armed.
    assert all(runs(pid) for pid in pids.values()), "arming is no passed deadline"
    assert hypervisors_of(victim) == pids


def test_a_stop_that_nobody_heard_of_leaves_the_guard_armed(running, victim, pids):
    cut(running, victim)
    try:
        victim.stop("agentd", signal.SIGTERM)
        wait_paused(running, pids["stay-node-1"])
    finally:
        mend(running, victim)
    running.start_agent(victim)
    wait_resumed(running, pids["stay-node-1"])
