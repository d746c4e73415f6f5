"""Looks at the hypervisor processes of all hosts every few milliseconds and writes what changes.

    python3 -m chaos.watch FILE          until SIGTERM

A process of its own, so that nothing the run does delays it. One JSON object a line, `at` in seconds
of the monotonic clock:

  seen, gone      a hypervisor appeared, ended; `name`: its domain, `space`: its host's PID namespace
  paused, runs    it is stopped (state T) now, or not any more; a new one runs
  double          two of one name were unpaused at this instant; once for every look
  late            more than LATE passed between two looks: `seconds`
  end             `looks`: how many there were; `longest`: between two, in seconds

A domain whose CPUs libvirt has not started yet, or has paused, counts as running here: that is
stricter than what is promised.
"""

import json
import os
import signal
import sys
import time

from bed.machines import domain_of

LOOK_EVERY = 0.005
LATE = 0.025
# A process may become a hypervisor any time (fork, then exec); one that has not for a while is
# looked at less often.
YOUNG = 2.0
OTHERS_EVERY = 0.05


PF_EXITING = 0x4  # linux/sched.h
KILLED = 1 << (signal.SIGKILL - 1)


def state_of(pid):
    """(state, start time in ticks) of a process; None where it has ended, reaped or not.

    Killing a stopped hypervisor makes it "R" until its memory is given back, which takes 60 ms. None
    of its threads gets back to the guest: a process with SIGKILL pending, or exiting, has ended.
    """
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return None
    if fields[0] in "ZX" or int(fields[6]) & PF_EXITING or int(fields[28]) & KILLED:
        return None
    return fields[0], int(fields[19])


class Look:
    """What is known from one look to the next."""

    def __init__(self, tell):
        self._tell = tell
        self._live = {}  # (pid, start time) -> [name, paused]
        self._others = {}  # pid of another process -> when it was first seen
        self._others_next = 0.0

    def __call__(self, now):
        for (pid, started), row in list(self._live.items()):
            state = state_of(pid)
            if state is None or state[1] != started:
                self._tell(now, "gone", pid=pid, name=row[0])
                del self._live[(pid, started)]
            elif (state[0] in "Tt") != row[1]:
                row[1] = not row[1]
                self._tell(now, "paused" if row[1] else "runs", pid=pid, name=row[0])
        self._find(now)
        self._compare(now)

    def _find(self, now):
        known = {pid for pid, _ in self._live}
        listed = {int(entry) for entry in os.listdir("/proc") if entry.isdigit()} - known
        self._others = {pid: self._others.get(pid, now) for pid in listed}
        all_of_them = now >= self._others_next
        if all_of_them:
            self._others_next = now + OTHERS_EVERY
        for pid, since in self._others.items():
            if all_of_them or now - since < YOUNG:
                self._take(now, pid)

    def _take(self, now, pid):
        name = domain_of(pid)
        state = state_of(pid) if name else None
        if state is None:
            return
        try:
            space = os.readlink(f"/proc/{pid}/ns/pid")
        except OSError:
            return
        self._live[(pid, state[1])] = [name, state[0] in "Tt"]
        self._tell(now, "seen", pid=pid, name=name, space=space)
        if state[0] in "Tt":
            self._tell(now, "paused", pid=pid, name=name)

    def _compare(self, now):
        names = {}
        for (pid, started), (name, paused) in self._live.items():
            if not paused:
                names.setdefault(name, []).append((pid, started))
        for name, copies in names.items():
            # The first may have been stopped before the second was looked at: both, once more.
            if len(copies) > 1 and all(runs_now(pid, started) for pid, started in copies):
                self._tell(now, "double", name=name, pids=[pid for pid, _ in copies])


def runs_now(pid, started):
    """Is this process there and not stopped?"""
    state = state_of(pid)
    return state is not None and state[1] == started and state[0] not in "Tt"


def main(path):
    """Until SIGTERM."""
    over = []
    signal.signal(signal.SIGTERM, lambda *_: over.append(True))
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except PermissionError:  # In a container, say. The report says how long it did not look.
        os.nice(-15)
    with open(path, "w", encoding="utf-8", buffering=1) as file:
        def tell(at, what, **more):
            print(json.dumps({"at": round(at, 4), "what": what, **more}), file=file)
        look = Look(tell)
        looks, longest, before = 0, 0.0, time.monotonic()
        while not over:
            now = time.monotonic()
            if now - before > LATE:
                tell(now, "late", seconds=round(now - before, 4))
            longest = max(longest, now - before)
            look(now)
            looks += 1
            before = now
            time.sleep(max(0.0, LOOK_EVERY - (time.monotonic() - now)))
        tell(time.monotonic(), "end", looks=looks, longest=round(longest, 4))


if __name__ == "__main__":
    main(sys.argv[1])
