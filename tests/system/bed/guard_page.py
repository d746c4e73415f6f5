"""What a host's guard goes by, read from outside: the page that it shares with the agent, and the state
of processes as the kernel has it.

The offsets are those of agent/guard/page.hpp, which no version of it changes.
"""

import os
import pathlib
import struct
import time

PAGE = "run/cierzo/guard.page"
DEADLINE_AT = 176
SIGKILL_BIT = 1 << 8  # In the masks of /proc/PID/status.
ENDING = 0x4 | 0x400  # PF_EXITING and PF_SIGNALED, as /proc/PID/stat has them.


def now():
    """Seconds on the clock that the agents and the guard decide by (agent/clock.hpp)."""
    raw, boot, monotonic = (time.clock_gettime_ns(clock) for clock in (
        time.CLOCK_MONOTONIC_RAW, time.CLOCK_BOOTTIME, time.CLOCK_MONOTONIC))
    return (raw + boot - monotonic) / 1e9


def page_of(host):
    """The file, as this process reaches it."""
    return pathlib.Path("/proc", str(host.pid), "root", PAGE)


def deadline(host):
    """Until when the host may run VMs, in seconds of now()."""
    with open(page_of(host), "rb") as page:
        page.seek(DEADLINE_AT)
        return struct.unpack("=q", page.read(8))[0] / 1e9


def state(pid):
    """The kernel's letter for a process; "" where there is none."""
    try:
        stat = pathlib.Path("/proc", str(pid), "stat").read_text(encoding="utf-8")
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[0]


def paused(pid):
    """It is stopped, with every thread: one that is not could still write."""
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return False
    return state(pid) == "T" and all(state(f"{pid}/task/{task}") in ("T", "") for task in tasks)


def lives(pid):
    """It is there and has not ended."""
    return state(pid) not in ("", "Z", "X")


def runs(pid):
    """It lives and is not stopped; nor is it one that was killed and has only its end left to run: what
    was stopped is so no more from the SIGKILL on, until it is scheduled, and executes nothing.
    """
    return lives(pid) and state(pid) != "T" and not dies(pid)


def dies(pid):
    """A SIGKILL is on its way to it, or it is ending because of one, or has ended."""
    try:
        status = pathlib.Path("/proc", str(pid), "status").read_text(encoding="utf-8")
        stat = pathlib.Path("/proc", str(pid), "stat").read_text(encoding="utf-8")
    except OSError:
        return True
    pending = [int(line.split()[1], 16) for line in status.splitlines()
               if line.startswith(("SigPnd", "ShdPnd"))]
    flags = int(stat.rpartition(")")[2].split()[6])
    return any(signals & SIGKILL_BIT for signals in pending) or bool(flags & ENDING)
