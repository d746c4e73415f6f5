"""Writes while faults happen, and the question in the end: is what was acknowledged there?

Small resources are declared, changed and deleted, one after the other, at one host after the other.
None has a machine that runs, so the site's work is the catalog's alone. What is declared has a number
in its address, so an older version of it is told from a newer one.

A write that was not acknowledged may have happened or not, now or later (its request may lie in a
host that is frozen). So a resource whose last write was not acknowledged is not written again, and
may then be either way. One that was refused for want of a leader (exit 4) has not happened.
"""

import random
import subprocess
import threading

from bed import toys
from bed.site import NO_LEADER, CommandFailed

SLOTS = 6  # Resources that are written in turns.
EVERY = 0.35  # Seconds between two writes.
PATIENCE = 8  # Seconds for an answer; a host that is frozen gives none.
ABSENT = None  # As a version: the resource is not declared.


def allowed(writes):
    """What may be there after these writes of one resource, [(version, acknowledged)]: a set."""
    last = ABSENT
    for version, acknowledged in writes:
        if not acknowledged:
            return {last, version}
        last = version
    return {last}


def wrong(ledger, found):
    """What is there and should not, or the other way round, in words. `found`: name -> version."""
    return [f"{name}: {found.get(name, ABSENT)} is there, but {sorted(map(str, may))} was written"
            for name, may in ((name, allowed(writes)) for name, writes in ledger.items())
            if found.get(name, ABSENT) not in may]


def address(slot, version):
    """The address of a version of a resource; no two are alike."""
    return f"10.77.{100 + slot % 100}.{version % 250 + 1}"


class Writer(threading.Thread):
    """Writes from its start to `close`. `ledger`: name -> [(version, acknowledged)]."""

    def __init__(self, site, seed):
        super().__init__(daemon=True)
        self.ledger = {}
        self.acknowledged = 0
        self.refused = 0
        self.unknown = 0
        self._site = site
        self._chance = random.Random(seed)
        self._slots = list(range(SLOTS))
        self._over = threading.Event()
        self.start()

    def close(self):
        """Ends it, after the write that is under way."""
        self._over.set()
        self.join()

    def run(self):
        while not self._over.wait(EVERY):
            position = self._chance.randrange(SLOTS)
            slot = self._slots[position]
            writes = self.ledger.setdefault(f"note{slot}", [])
            there = writes and writes[-1][0] is not ABSENT
            version = ABSENT if there and self._chance.random() < 0.3 else len(writes) + 1
            hosts = [host for host in self._site.hosts if host.powered]
            done = self._write(self._chance.choice(hosts), slot, version)
            if done is None:
                self.refused += 1
                continue
            writes.append((version, done))
            self.acknowledged += done
            self.unknown += not done
            if not done:
                self._slots[position] = max(self._slots) + 1

    def _write(self, host, slot, version):
        """True: acknowledged; None: refused; False: neither."""
        name = f"note{slot}"
        try:
            if version is ABSENT:
                self._site.agentctl(host, "delete", "--yes", "--no-wait", name, seconds=PATIENCE)
            else:
                text = toys.manifest("bare", name, {"node": address(slot, version)},
                                     ensure="stopped")
                toys.apply(self._site, host, text, "--no-wait", seconds=PATIENCE, name=f"{name}.yaml")
        except CommandFailed as failed:
            return None if failed.status == NO_LEADER else False
        except (subprocess.TimeoutExpired, OSError, ValueError):
            return False
        return True

    def found(self):
        """Name -> version of what the site has now."""
        return {row["name"]: int(row["instances"][0]["address"].rsplit(".", 1)[1]) - 1
                for row in self._site.status()["resources"] if row["name"].startswith("note")}

    def wrong(self):
        """What is not as it was acknowledged."""
        return wrong(self.ledger, self.found())
