"""The machines of a site as the kernel shows them: hypervisor processes, and a watcher of them.

Nothing here asks an agent or a libvirtd, so it says what is true while these are dead or wrong.
"""

import os
import pathlib
import threading
import time

QEMU = b"qemu-system-x86_64"
LOOK_EVERY = 0.005  # Seconds. A domain lives for longer than that, also one that fails at once.


def domain_of(pid):
    """The name of the domain that this process runs; None where it is no hypervisor."""
    try:
        words = pathlib.Path("/proc", str(pid), "cmdline").read_bytes().split(b"\0")
    except OSError:
        return None
    if not words[0].endswith(QEMU):
        return None
    names = [word for word in words if word.startswith(b"guest=")]
    return names[0].decode().split("=")[1].split(",")[0] if names else None


def _started(pid):
    """When the process started, in ticks; None where it has ended, also when not yet reaped."""
    try:
        stat = pathlib.Path("/proc", str(pid), "stat").read_text(encoding="utf-8")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


def processes():
    """The ids of all processes."""
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]


def hypervisors():
    """Name of the domain -> pid of its hypervisor, of every host (of two copies one)."""
    found = {pid: domain_of(pid) for pid in processes()}
    return {name: pid for pid, name in found.items() if name}


def hypervisors_of(host):
    """The same of one host."""
    found = {pid: domain_of(pid) for pid in host.processes()}
    return {name: pid for pid, name in found.items() if name}


def arguments(pid):
    """The command line of a hypervisor, as a list of words."""
    return pathlib.Path("/proc", str(pid), "cmdline").read_bytes().decode().split("\0")


def disks(pid):
    """The overlays a hypervisor has open, as (device, inode): a disk that was made anew is another,
    whatever its name.
    """
    found = set()
    for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        if os.readlink(entry).endswith(".qcow2") and "/disks/" in os.readlink(entry):
            status = entry.stat()
            found.add((status.st_dev, status.st_ino))
    return found


class Watch(threading.Thread):
    """Looks at all hypervisors every few milliseconds, from its start to `close`.

    `runs`: every hypervisor that ever lived, as (name, pid, start time); `doubles`: what must never
    be, two of one instance at one instant.
    """

    def __init__(self):
        super().__init__(daemon=True)
        self.runs = []
        self.doubles = []
        self.looks = 0
        self._live = {}  # (pid, start time) -> name
        self._over = threading.Event()
        self.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Ends the watch."""
        self._over.set()
        self.join()

    def starts(self, name):
        """How often a hypervisor of this name was started."""
        return sum(1 for run in self.runs if run[0] == name)

    def live(self, prefix=""):
        """The names that live now and begin with `prefix`."""
        return {name for name in list(self._live.values()) if name.startswith(prefix)}

    def run(self):
        while not self._over.is_set():
            self._look()
            time.sleep(LOOK_EVERY)

    def _look(self):
        # A process that was seen is the same one only as long as it started at the same time.
        live = {key: name for key, name in self._live.items() if _started(key[0]) == key[1]}
        known = {pid for pid, _ in live}
        for pid in processes():
            name = None if pid in known else domain_of(pid)
            started = _started(pid) if name else None
            if started is not None:
                live[(pid, started)] = name
                self.runs.append((name, pid, started))
        # What was listed may have ended while the rest was: only two that live *now* are two.
        names = {}
        for (pid, started), name in live.items():
            names.setdefault(name, []).append((pid, started))
        for name, copies in names.items():
            if len(copies) > 1 and all(_started(pid) == started for pid, started in copies):
                self.doubles.append((name, copies))
        self._live = live
        self.looks += 1


def clean(site, prefix, disks, seconds=60):
    """Waits until `leaks` finds nothing: libvirtd tidies up a moment after a hypervisor ended."""
    site.wait_until(lambda: leaks(site, prefix, disks) == [], seconds,
                    f"only the disks of {sorted(disks)} are left of {prefix}*")


def leaks(site, prefix, disks):
    """What hosts with power have of domains whose names begin with `prefix`, and should not.

    `disks` are the names whose disks may be there. Domains and taps without a hypervisor, disks,
    files that were being made and consoles of others: a list of words, empty where all is well.
    """
    found = []
    for host in site.hosts:
        if not host.powered:
            continue
        live = hypervisors_of(host)
        domains = set(host.virsh("list", "--all", "--name").split())
        found += [f"{host.name}: domain {name} without a hypervisor"
                  for name in domains - set(live)]
        taps = [line for line in host.run("ip", "-o", "link").splitlines() if ": vnet" in line]
        if len(taps) != len(live):
            found.append(f"{host.name}: {len(taps)} taps for {len(live)} hypervisors")
        for folder in ("disks", "console"):
            for file in sorted(pathlib.Path(host.folder, "cierzo", "state", folder).glob("*")):
                name, suffix = file.name.split(".", 1)
                whole = suffix in ("qcow2", "owner", "log")
                if name.startswith(prefix) and (name not in disks or not whole):
                    found.append(f"{host.name}: {folder}/{file.name}")
    return found
