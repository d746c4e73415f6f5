"""What the watch saw, judged. Pure: lines in, findings out. Times: seconds of the monotonic clock."""

import dataclasses
import json

from . import watch

GUARD_DELAY = 0.05  # The assumption of docs/safety.md: how late the guard may be after a thaw.


@dataclasses.dataclass
class Copy:
    """One hypervisor process: `name` on `host` from `seen` to `gone` (None: it lives)."""

    name: str
    host: str
    pid: int
    seen: float
    gone: float = None
    pauses: list = dataclasses.field(default_factory=list)  # [from, to]; to None: still

    def lives(self, at):
        """Was it there at this instant?"""
        return self.seen <= at and (self.gone is None or self.gone > at)

    def silent_since(self, at):
        """Since when it had not run, as of `at`; None while it ran."""
        if self.gone is not None and self.gone <= at:
            paused = self.pauses and self.pauses[-1][1] is None and self.pauses[-1][0]
            return paused or self.gone
        for begin, end in self.pauses:
            if begin <= at and (end is None or end > at):
                return begin
        return None


@dataclasses.dataclass
class Freeze:
    """A whole host was stopped, and was being continued from `thaw` until `thawed`."""

    host: str
    begin: float
    thaw: float = None
    thawed: float = None


@dataclasses.dataclass
class History:
    """Everything that was seen."""

    copies: list
    doubles: list  # (at, name, hosts)
    looks: int = 0
    longest_gap: float = 0.0
    late: int = 0


def read(lines, host_of):
    """The lines of the watch as a History. `host_of`: PID namespace -> name of the host."""
    live, copies, doubles = {}, [], []
    history = History(copies, doubles)
    for line in lines:
        row = json.loads(line)
        at, what = row["at"], row["what"]
        if what == "seen":
            live[row["pid"]] = Copy(row["name"], host_of[row["space"]], row["pid"], at)
            copies.append(live[row["pid"]])
        elif what == "gone":
            live.pop(row["pid"]).gone = at
        elif what == "paused":
            live[row["pid"]].pauses.append([at, None])
        elif what == "runs":
            live[row["pid"]].pauses[-1][1] = at
        elif what == "double":
            doubles.append((at, row["name"], sorted(live[pid].host for pid in row["pids"])))
        elif what == "late":
            history.late += 1
        elif what == "end":
            history.looks, history.longest_gap = row["looks"], row["longest"]
    return history


def violations(history, freezes):
    """(name, hosts, from, to) of two unpaused copies, but for guard_delay after a thaw.

    The thaw takes a moment itself: its processes are continued one after the other.
    """
    def excused(at, hosts):
        return any(freeze.host in hosts and freeze.thaw is not None and freeze.thaw <= at
                   and (freeze.thawed is None
                        or at <= freeze.thawed + GUARD_DELAY + watch.LOOK_EVERY)
                   for freeze in freezes)
    found = {}
    for at, name, hosts in history.doubles:
        if not excused(at, hosts):
            row = found.setdefault((name, tuple(hosts)), [at, at])
            row[1] = at
    return [(name, list(hosts), begin, end) for (name, hosts), (begin, end) in found.items()]


def after_thaw(history, freezes):
    """Seconds from a thaw until two copies were seen together last, for each that were within 1 s."""
    found = {}
    for at, name, hosts in history.doubles:
        for freeze in freezes:
            if freeze.host in hosts and freeze.thaw is not None and 0 <= at - freeze.thaw < 1:
                key = (name, freeze.host, freeze.thaw)
                found[key] = max(found.get(key, 0.0), at - freeze.thaw)
    return list(found.values())


def false_pauses(history, freezes):
    """Seconds of every pause after which the same process ran on, but for those of a whole host."""
    def frozen(copy, begin):
        return any(freeze.host == copy.host and freeze.begin <= begin
                   and (freeze.thawed is None or begin <= freeze.thawed) for freeze in freezes)
    return [end - begin for copy in history.copies for begin, end in copy.pauses
            if end is not None and not frozen(copy, begin)]


def replacements(history, losses):
    """(seconds from the loss to the replacement's process, seconds from when the old copy had
    stopped running to the same) of each instance that was replaced.

    `losses`: (at, host, until): a fault that can cost a host its instances, and the end of its
    round.
    """
    found = []
    for at, host, until in losses:
        for old in [copy for copy in history.copies if copy.host == host and copy.lives(at)]:
            new = min((copy for copy in history.copies if copy.name == old.name
                       and copy is not old and at < copy.seen < until and copy.host != host),
                      key=lambda copy: copy.seen, default=None)
            if new is not None:
                silent = old.silent_since(new.seen)
                found.append((new.seen - at, None if silent is None else new.seen - silent))
    return found
