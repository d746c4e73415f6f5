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


class Injector:
    """Begins and heals faults. `freezes` and `losses` are for the history (history.py)."""

    def __init__(self, site):
        self.site = site
        self.freezes = []
        self.losses = []  # [at, host]
        self._frozen = {}  # name of a host -> its Freeze
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

    # Processes. The run is what systemd is on a real host: it starts again what has ended, an agent
    # after as long as the fault lasts, a guard soon (schedule.py). An agent that its guard killed
    # for hanging ends when no fault says so.

    def restart_ended(self):
        """Starts again the agents that have ended; for when no fault is under way."""
        for host in self.site.hosts:
            agent = host.daemons.get("agentd")
            if host.powered and agent and agent.ended():
                del host.daemons["agentd"]
                self.site.start_agent(host)

    @staticmethod
    def _begin_agent_kill(_fault, host):
        host.stop("agentd", signal.SIGKILL)

    def _heal_agent_kill(self, _fault, host):
        self.site.start_agent(host)

    @staticmethod
    def _begin_agent_hang(_fault, host):
        host.daemons["agentd"].signal(signal.SIGSTOP)

    @staticmethod
    def _heal_agent_hang(_fault, host):
        host.daemons["agentd"].signal(signal.SIGCONT)
        host.daemons["agentd"].wake_launcher()

    @staticmethod
    def _begin_guard_kill(_fault, host):
        host.stop("guard", signal.SIGKILL)

    def _heal_guard_kill(self, _fault, host):
        self.site.start_guard(host)

    @staticmethod
    def _begin_libvirtd_kill(_fault, host):
        host.stop("libvirtd", signal.SIGKILL)

    @staticmethod
    def _heal_libvirtd_kill(_fault, host):
        host.start_libvirtd()

    @staticmethod
    def _begin_libvirtd_hang(_fault, host):
        host.daemons["libvirtd"].signal(signal.SIGSTOP)

    @staticmethod
    def _heal_libvirtd_hang(_fault, host):
        host.daemons["libvirtd"].signal(signal.SIGCONT)
        host.daemons["libvirtd"].wake_launcher()
