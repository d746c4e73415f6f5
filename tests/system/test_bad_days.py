"""Bad days of a host: a full or read-only disk, no descriptors left, a wall clock that jumps.

Each time: a clear line in the log, the safe side (no promise is made that cannot be kept), the rest
of the site goes on, and all is well again when the day is over.
"""

import os
import pathlib
import signal
import socket
import subprocess
import time

import pytest

from bed.machines import hypervisors
from bed.site import AGENT_PORT
from bed.toys import apply, manifest, settled
from bed.waiting import wait_until

HOSTS = 3


def log_of(host):
    return (host.folder / "log" / "agentd.log").read_text(encoding="utf-8", errors="replace")


def state_of(host):
    return host.folder / "cierzo" / "state"


def follower(site):
    leader = site.leader()
    return next(host for host in reversed(site.hosts) if host is not leader)


def ended(site, host, seconds=30):
    """Waits for the end of the agent; what it said since `before` is the caller's to look at."""
    daemon = host.daemons["agentd"]
    site.wait_until(daemon.ended, seconds, f"the agent of {host.name} has stopped")
    host.daemons.pop("agentd").wait()


def all_alive(site):
    site.wait_until(lambda: {row["state"] for row in site.status()["hosts"]} == {"alive"}, 60,
                    "all hosts are alive")


def start_refused(site, host):
    """Starts a second agent by hand; returns its exit status and what it said."""
    command = [*host.enter, str(site.programs / "agentd"), "--config",
               str(host.folder / "cierzo" / "agentd.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    return done.returncode, done.stderr


@pytest.fixture(scope="module")
def running(site):
    """The last host's state is a disk of its own, of 3 MiB."""
    small = site.hosts[-1]
    state_of(small).mkdir(exist_ok=True)
    small.run("mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", state_of(small))
    site.start_agents()
    apply(site, site.leader(), manifest("bare", "calm", {"node": "10.77.9.1-10.77.9.2"},
                                        pool=[host.name for host in site.hosts[:2]]))
    if site.leader() is small:  # Whoever leads at first; but these days befall one that follows.
        site.restart_agent(small)
        site.wait_until(lambda: site.leader() is not small, 30, "another host leads")
        all_alive(site)
    return site


@pytest.fixture(autouse=True)
def good_morning(running):
    """Every day begins with all agents up, whatever became of the day before."""
    for host in running.hosts:
        if "agentd" in host.daemons and host.daemons["agentd"].ended():
            host.daemons.pop("agentd").wait()
    running.start_agents()
    all_alive(running)


def inside(host, path):
    """A path as the host sees it, whatever it has mounted there."""
    return pathlib.Path(f"/proc/{host.pid}/root{path}")


def test_a_second_agent_with_the_same_state_is_refused(running):
    host = running.leader()
    pid = host.daemons["agentd"].pid
    status, said = start_refused(running, host)
    assert status == 2
    assert "is in use by process" in said and "one agent at a time" in said, said
    assert running.leader() is host and host.daemons["agentd"].pid == pid


def test_a_full_disk_stops_the_agent_before_it_promises_anything(running):
    host, before = running.hosts[-1], hypervisors()
    leader = running.leader()
    assert leader is not host
    filler = inside(host, state_of(host) / "filler")
    with open(filler, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
    # It need not store before something changes; the others store it by themselves.
    apply(running, leader, manifest("bare", "more", {"node": "10.77.9.3"}, pool=[leader.name]))
    ended(running, host)
    assert "the state cannot be written, so nothing more can be promised" in log_of(host)
    assert "is the disk full or read-only?" in log_of(host)
    assert running.leader() is leader
    assert before.items() <= hypervisors().items()
    filler.unlink()
    running.start_agent(host)
    all_alive(running)
    settled(running, "more", "running")


def test_a_read_only_state_is_refused_with_a_reason(running):
    host = running.hosts[-1]
    leader = running.leader()
    host.stop("agentd")
    host.run("mount", "-o", "remount,ro", state_of(host))
    status, said = start_refused(running, host)
    assert status == 2
    assert "state" in said and "Read-only file system" in said, said
    assert running.leader() is leader
    host.run("mount", "-o", "remount,rw", state_of(host))
    running.start_agent(host)
    all_alive(running)


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2]
    return sum(int(field) for field in fields.split()[11:13]) / os.sysconf("SC_CLK_TCK")


def test_without_descriptors_it_leads_on_and_does_not_spin(running):
    leader, before = running.leader(), hypervisors()
    term = running.status()["leader"]["term"]
    pid = leader.daemons["agentd"].pid
    def limit(soft):
        subprocess.run(["prlimit", "--pid", str(pid), f"--nofile={soft}:"], check=True)
    soft = subprocess.run(["prlimit", "--pid", str(pid), "--nofile", "--raw", "--noheadings",
                           "--output", "SOFT"], check=True, capture_output=True,
                          text=True).stdout.strip()
    # What is open stays open, and nothing else can be. Not lower: poll() refuses more descriptors
    # than the limit, whichever they are, and libvirt's loop then turns for ever.
    lowest = 16
    in_use = {int(entry) for entry in os.listdir(f"/proc/{pid}/fd")}
    assert set(range(lowest)) <= in_use
    limit(lowest)
    try:
        asks = [subprocess.Popen(running.agentctl_command(leader, "status"),
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                for _ in range(3)]  # Wait in the kernel's queue.
        late = [socket.create_connection((leader.address, AGENT_PORT), 30) for _ in range(3)]
        begin, busy = time.monotonic(), cpu_seconds(pid)
        time.sleep(4)  # Over which its use of the processor is measured.
        share = (cpu_seconds(pid) - busy) / (time.monotonic() - begin)
        assert share < 0.3, f"it spins: {share:.0%} of a processor"
        for connection in late:
            while connection.recv(64):  # A greeting, and then, within the 30 s, the end.
                pass
            connection.close()
        others = [host for host in running.hosts if host is not leader]
        for host in others:
            view = running.status(host)
            assert (view.get("leader") or {}).get("name") in (leader.name, None), view
        assert before.items() <= hypervisors().items()
    finally:
        limit(soft)
    for ask in asks:
        assert ask.wait(60) is not None
    view = running.status(leader)
    assert (view["leader"]["name"], view["leader"]["term"]) == (leader.name, term)
    assert "too many open files" in log_of(leader).lower()


def test_a_disk_that_has_no_room_for_an_overlay_is_said(running):
    host = running.hosts[0]
    disks = state_of(host) / "disks"
    host.run("mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", disks)
    try:
        apply(running, running.leader(), manifest("bare", "large", {"node": "10.77.9.5"},
                                                  pool=[host.name]), "--no-wait")
        def reason():
            rows = [row for row in running.status()["resources"] if row["name"] == "large"]
            return "could not make the disk" in str(rows)
        running.wait_until(reason, 30, "status says what is in the way")
        assert "No space left on device" in log_of(host) + log_of(running.leader())
        assert "large-node-1" not in hypervisors()
    finally:
        host.run("umount", disks)
    settled(running, "large", "running")


def test_a_wall_clock_that_jumps_changes_nothing(running):
    """What counts is how much time has passed. Only the wall clock is faked, of one agent: an hour
    forward, then two days back.
    """
    host = follower(running)
    leader = running.leader()
    offset = host.folder / "clock"
    offset.write_text("+0\n", encoding="utf-8")
    first = max(row["sequence"] for row in running.events(leader))
    host.stop("agentd")
    host.start("agentd", "env", f"LD_PRELOAD={running.programs / 'libwall_clock.so'}",
               f"WALL_CLOCK={offset}", running.programs / "agentd", "--config",
               host.folder / "cierzo" / "agentd.yaml")
    running.wait_until(lambda: [row for row in running.events(leader) if row["sequence"] > first
                                and "no longer held" in row["message"]], 30, "it is back")
    all_alive(running)
    maps = pathlib.Path(f"/proc/{host.daemons['agentd'].pid}/maps").read_text(encoding="utf-8")
    assert "libwall_clock" in maps
    last = max(row["sequence"] for row in running.events(leader))
    before = running.status(leader)["leader"], hypervisors()
    for jump in ("+3600", "-172800", "+0"):
        fresh = offset.with_suffix(".new")
        fresh.write_text(jump + "\n", encoding="utf-8")
        fresh.replace(offset)  # Never half written.
        end = time.monotonic() + 4  # Two permits.
        while time.monotonic() < end:
            states = {row["state"] for row in running.status(leader)["hosts"]}
            assert states == {"alive"}, (jump, states)
    assert (running.status(leader)["leader"], hypervisors()) == before
    told = [row for row in running.events(leader) if row["sequence"] > last]
    assert [row for row in told if row["kind"] in ("leader", "host", "host-lost")] == []
    running.restart_agent(host, signal.SIGKILL)
    all_alive(running)


def test_a_log_that_nobody_reads_stops_nothing(running):
    """stderr is a pipe whose reader hangs: the agent goes on."""
    host = follower(running)
    host.stop("agentd")
    read, write = os.pipe()
    command = [*host.enter, str(running.programs / "agentd"), "--config",
               str(host.folder / "cierzo" / "agentd.yaml")]
    os.set_blocking(write, False)
    try:
        while True:
            os.write(write, bytes(4096))
    except BlockingIOError:
        pass
    os.set_blocking(write, True)  # Of whoever has the pipe: the agent, too.
    with subprocess.Popen(command, stderr=write, stdin=subprocess.DEVNULL) as process:
        try:
            all_alive(running)
            assert process.poll() is None
        finally:
            for pid in [pid for pid in host.processes()
                        if pathlib.Path(f"/proc/{pid}/comm").read_text("utf-8") == "agentd\n"]:
                os.kill(pid, 15)
            wait_until(lambda: process.poll() is not None, 30, "it has stopped")
    os.close(read)
    os.close(write)
    running.start_agent(host)
    all_alive(running)
