"""The site under faults: hosts with clocks of their own, and how each fault is done and healed."""

import os
import signal
import time

from bed.site import BUILD, Site

from .history import Freeze

class Ground(Site):
    """A site whose hosts have clocks that go at rates of their own (host_clock.cpp).

    `rates`: number of the host -> rate. A host keeps its rate from boot to power cut: agent, guard
    and whoever restarts them share one clock, as processes of a real host do.
    """

    def __init__(self, rates, **options):
        self.rates = rates
        self.spaces = {}  # PID namespace -> name of the host; another after every boot.
        super().__init__(**options)
        for host in self.hosts:
            self._booted(host)

    def _booted(self, host):
        self.spaces[os.readlink(f"/proc/{host.pid}/ns/pid")] = host.name
        anchor = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
        host.clock = ["env", f"LD_PRELOAD={BUILD / 'bin' / 'libhost_clock.so'}",
                      f"HOST_CLOCK={anchor} {round(1e6 * self.rates[host.number])}"]

    def boot(self, host):
        host.power_on()
        self._booted(host)
        host.start_libvirtd()
        self.start_agent(host)


def process(host, program):
    """The pid of the process of a host that executes `program`; None where there is none."""
    for pid in sorted(host.processes()):
        try:
            if os.path.basename(os.readlink(f"/proc/{pid}/exe")) == program:
                return pid
        except OSError:
            continue
    return None


class Injector:
    """Begins and heals faults. `freezes` and `losses` are for the history (history.py)."""

    def __init__(self, site):
        self.site = site
        self.freezes = []
        self.losses = []  # [at, host]
        self._frozen = {}  # name of a host -> its Freeze
        self._stopped = {}  # (kind, name of a host) -> pid
        self._cuts = {}  # (kind, name of a host) -> what was told to the switch

    def begin(self, fault, host):
        """Does it, at `host`."""
        at = time.monotonic()
        getattr(self, f"_begin_{fault.kind}")(fault, host)
        self.losses.append([at, host.name])
        return at

    def heal(self, fault, host):
        """Ends it."""
        getattr(self, f"_heal_{fault.kind}")(fault, host)

    # Whole hosts

    def _begin_power(self, _fault, host):
        host.power_cut()

    def _heal_power(self, fault, host):
        self.site.rates[host.number] = fault.rate
        self.site.boot(host)

    def _begin_freeze(self, _fault, host):
        self._frozen[host.name] = Freeze(host.name, time.monotonic())
        self.freezes.append(self._frozen[host.name])
        host.freeze()

    def _heal_freeze(self, _fault, host):
        freeze = self._frozen.pop(host.name)
        freeze.thaw = time.monotonic()
        host.thaw()
        freeze.thawed = time.monotonic()

    # The network. A cut is a rule at the switch; all are laid down anew when one is healed.

    def _begin_isolate(self, _fault, host):
        self.site.switch.link(host.number, up=False)

    def _heal_isolate(self, _fault, host):
        self.site.switch.link(host.number, up=True)

    def _cut(self, fault, host, *words):
        self._cuts[(fault.kind, host.name)] = words
        getattr(self.site.switch, words[0])(*words[1:])

    def _mend(self, fault, host):
        del self._cuts[(fault.kind, host.name)]
        self.site.switch.heal()
        for words in self._cuts.values():
            getattr(self.site.switch, words[0])(*words[1:])

    def _begin_mute(self, fault, host):
        self._cut(fault, host, "mute", host.number)

    def _begin_deaf(self, fault, host):
        self._cut(fault, host, "deaf", host.number)

    def _begin_one_way(self, fault, host):
        other = fault.other if fault.other != host.number else self.site.hosts[0].number
        if other == host.number:
            other = self.site.hosts[-1].number
        self._cut(fault, host, "cut", host.number, other)

    _heal_mute = _heal_deaf = _heal_one_way = _mend

    # Processes. What is killed is started again by whoever looks after it on a real host: the
    # guard starts the agent, the agent the guard, and systemd libvirtd.

    def _kill(self, host, program):
        pid = process(host, program)
        if pid is not None:
            os.kill(pid, signal.SIGKILL)

    def _stop(self, fault, host, program):
        pid = process(host, program)
        if pid is not None:
            os.kill(pid, signal.SIGSTOP)
            self._stopped[(fault.kind, host.name)] = pid

    def _go_on(self, fault, host):
        pid = self._stopped.pop((fault.kind, host.name), None)
        if pid is not None and pid in host.processes():  # It may have been killed meanwhile.
            os.kill(pid, signal.SIGCONT)
        for daemon in host.daemons.values():
            daemon.wake_launcher()

    def _begin_agent_kill(self, _fault, host):
        self._kill(host, "agentd")

    def _heal_agent_kill(self, _fault, host):
        pass

    def _begin_guard_kill(self, _fault, host):
        self._kill(host, "guardd")

    _heal_guard_kill = _heal_agent_kill

    def _begin_agent_hang(self, fault, host):
        self._stop(fault, host, "agentd")

    _heal_agent_hang = _go_on

    def _begin_libvirtd_kill(self, _fault, host):
        host.stop("libvirtd", signal.SIGKILL)

    def _heal_libvirtd_kill(self, _fault, host):
        host.start_libvirtd()

    def _begin_libvirtd_hang(self, fault, host):
        self._stop(fault, host, "libvirtd")

    _heal_libvirtd_hang = _go_on
