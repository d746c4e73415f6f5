"""A run: the site, its load, the writer, the watch; round after round of faults; then the judgement.

Prints what it does, round by round, on stderr.
"""

import contextlib
import dataclasses
import pathlib
import random
import re
import subprocess
import sys
import threading
import time

from bed import enclosure, toys
from bed.machines import domain_of, processes
from bed.site import BUILD, REPOSITORY
from bed.waiting import Timeout

from . import history, report, schedule, watch
from .ground import Ground, Injector
from .writer import Writer

HOSTS = 5
TYPES = REPOSITORY / "tests" / "system" / "types"
CONVERGED_WITHIN = 60  # Seconds from the last heal of a round; what docs/safety.md states.

# What runs: machines that move when their host is lost, and some that wait for it.
LOAD = {"moving": ("bare", "node", "10.77.9.1-10.77.9.5"),
        "waiting": ("vault", "store", "10.77.9.11-10.77.9.13")}
NAMES = {f"moving-node-{i}" for i in range(1, 6)} | {f"waiting-store-{i}" for i in range(1, 4)}

LEADS = re.compile(r"(\S+) leads in term (\d+)")


def say(text):
    """Progress."""
    print(text, file=sys.stderr, flush=True)


class Leaders(threading.Thread):
    """Reads all agents' logs as they grow: `seen` is [(when, name, term)] of who said to lead."""

    EVERY = 0.01

    def __init__(self, site):
        super().__init__(daemon=True)
        self.seen = []
        self._files = [host.folder / "log" / "agentd.log" for host in site.hosts]
        self._over = threading.Event()
        self.start()

    def close(self):
        """Ends it."""
        self._over.set()
        self.join()

    def run(self):
        offsets = {}
        while not self._over.wait(self.EVERY):
            for file in self._files:
                with contextlib.suppress(OSError), open(file, "rb") as log:
                    log.seek(offsets.get(file, 0))
                    text = log.read()
                    whole = text.rfind(b"\n") + 1
                    offsets[file] = offsets.get(file, 0) + whole
                    for name, term in LEADS.findall(text[:whole].decode(errors="replace")):
                        self.seen.append((time.monotonic(), name, int(term)))


@dataclasses.dataclass
class Done:
    """A round as it was."""

    faults: list  # In words.
    converged: float  # Seconds from the last heal.
    leaderless: float = None  # Seconds from a fault at the leader to the next that leads.


class Run:
    """`count` faults from `seed` on a site."""

    def __init__(self, site, seed, kinds=None):
        self.site = site
        self.seed = seed
        self.kinds = kinds
        self.rounds = []
        self.failure = None
        self._injector = Injector(site)

    # What is running

    def start(self):
        """Agents, and the load."""
        self.site.start_agents()
        leader = self.site.leader()
        text = "\n".join(toys.manifest(kind, name, {role: addresses})
                         for name, (kind, role, addresses) in LOAD.items())
        toys.apply(self.site, leader, text, "--no-wait", name="load.yaml")
        self.site.wait_until(self.converged, 120, "the site runs")

    def converged(self):
        """As declared, and the processes say the same: one of each, where status has it, running."""
        self._injector.restart_ended()
        status = self.site.status()
        if status["local_view"] or any(row["state"] != "alive" for row in status["hosts"]):
            return False
        rows = [row for resource in status["resources"] if resource["name"] in LOAD
                for row in resource["instances"]]
        if len(rows) != len(NAMES) or any(row["state"] != "running" for row in rows):
            return False
        live = [(name, self._host_of(pid), watch.state_of(pid)) for pid, name in
                ((pid, domain_of(pid)) for pid in processes()) if name]
        return sorted((name, host) for name, host, _ in live) == sorted(
            (row["name"], row["host"]) for row in rows) and all(
                state and state[0] not in "Tt" for _, _, state in live)

    def _host_of(self, pid):
        with contextlib.suppress(OSError):
            return self.site.spaces[str(pathlib.Path(f"/proc/{pid}/ns/pid").readlink())]
        return None

    # Faults

    def round(self, faults, leaders):
        """One round: every fault begun and healed when its time has come, then convergence."""
        leader = self.site.leader()
        term = self.site.status()["leader"]["term"]
        victims = {}
        for fault in faults:
            host = leader if fault.host == schedule.LEADER else self.site.host(fault.host)
            while host in victims.values():  # The other fault has it: the next host.
                host = self.site.host(host.number % len(self.site.hosts) + 1)
            victims[fault] = host
        words = [f"{fault.kind} {host.name}{' (leads)' if host is leader else ''} "
                 f"{fault.end - fault.begin:.2f} s" for fault, host in victims.items()]
        say(f"  {' + '.join(words)}")
        steps = sorted([(fault.begin, False, fault) for fault in faults] +
                       [(fault.end, True, fault) for fault in faults], key=lambda step: step[0])
        begin, hit, losses = time.monotonic(), None, len(self._injector.losses)
        for after, heals, fault in steps:
            time.sleep(max(0.0, begin + after - time.monotonic()))  # As the schedule has it.
            if heals:
                self._injector.heal(fault, victims[fault])
            else:
                at = self._injector.begin(fault, victims[fault])
                hit = at if victims[fault] is leader else hit
        healed = time.monotonic()
        done = Done(words, None)
        self.rounds.append(done)
        self.site.wait_until(self.converged, CONVERGED_WITHIN, "converged after " + ", ".join(words))
        done.converged = time.monotonic() - healed
        for loss in self._injector.losses[losses:]:
            loss.append(time.monotonic())
        if hit is not None:
            later = [at for at, _, new in list(leaders.seen) if at > hit and new > term]
            done.leaderless = later[0] - hit if later else None
        say(f"    converged {done.converged:.1f} s after the heal"
            + (f", leaderless {done.leaderless * 1000:.0f} ms" if done.leaderless else ""))

    def all_rounds(self, count):
        """The whole schedule, and what it showed: the report."""
        file = self.site.folder / "watch.jsonl"
        watcher = subprocess.Popen([enclosure.PYTHON, "-m", "chaos.watch", str(file)])
        leaders, writer = Leaders(self.site), Writer(self.site, self.seed)
        wrong = []
        try:
            for faults in schedule.rounds(self.seed, count, HOSTS, self.kinds):
                self.round(faults, leaders)
            writer.close()
            wrong = self._wrong_writes(writer)
        except Timeout as failure:
            self.failure = str(failure)
        finally:
            writer.close()
            leaders.close()
            watcher.terminate()
            watcher.wait()
        seen = history.read(file.read_text(encoding="utf-8").splitlines(), self.site.spaces)
        return report.make(self, seen, self._injector, writer, wrong)

    def _wrong_writes(self, writer):
        """What is not as it was acknowledged, once deletions have come through."""
        with contextlib.suppress(Timeout):
            self.site.wait_until(lambda: not writer.wrong(), CONVERGED_WITHIN, "as written")
        return writer.wrong()


def run(count, seed, kinds=None, programs=BUILD / "bin"):
    """A whole run on a fresh site; the report. On a failure the logs are under build/logs."""
    chance = random.Random(f"clocks {seed}")
    rates = {number: schedule.clock_rate(chance) for number in range(1, HOSTS + 1)}
    with Ground(rates, hosts=HOSTS, types=[TYPES], programs=programs) as site:
        chaos = Run(site, seed, kinds)
        chaos.start()
        result = chaos.all_rounds(count)
        if result["failures"]:
            site.save_logs(BUILD / "logs" / f"chaos-{seed}")
            (BUILD / "logs" / f"chaos-{seed}" / "watch.jsonl").write_bytes(
                (site.folder / "watch.jsonl").read_bytes())
    return result
