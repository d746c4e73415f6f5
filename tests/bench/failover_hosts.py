"""Hosts of the bed without libvirt and agents, for what `failover` measures beside Cierzo.

The same namespaces, the same switch and the same power cut as the agents' hosts have; what runs in
them is told by whoever uses this.
"""

import pathlib
import shutil

import bed_bench  # Puts the bed on the path.
from bed import enclosure
from bed.host import Host
from bed.network import Switch


class Hosts:
    """`count` hosts with power and nothing running. `own`: paths in the host that each host has for
    itself, kept over a power cut.
    """

    def __init__(self, count, own=()):
        self.folder = enclosure.scratch() / "hosts"
        self.switch = Switch()
        self.hosts = []
        for number in range(1, count + 1):
            folder = self.folder / f"node{number}"
            places = {path: folder / "disk" / path.strip("/").replace("/", "-") for path in own}
            for place in places.values():
                place.mkdir(parents=True)
            self.hosts.append(Host(number, folder, self.switch, places))
        for host in self.hosts:
            host.power_on()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for host in self.hosts:
            if host.powered:
                host.power_cut()
        self.switch.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def named(self, name):
        """The host of this name."""
        return next(host for host in self.hosts if host.name == name)

    def powered(self):
        """Those that have power."""
        return [host for host in self.hosts if host.powered]

    def log_tail(self):
        """The last lines of every log of every host."""
        return "\n".join(text for text in (host.log_tail() for host in self.hosts) if text)


def missing(programs):
    """Those of the programs (program -> its Debian package) that are not installed, as packages."""
    return sorted({package for program, package in programs.items()
                   if shutil.which(program) is None and not pathlib.Path(program).exists()})
