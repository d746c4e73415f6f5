#!/usr/bin/env python3
"""How soon a hypervisor process that was killed is noticed, and its domain there again.

    tests/bench/reaction.py [--kills 12] [--programs FOLDER]... [--output json]

Three hosts with the web example; one machine after the other loses its QEMU (SIGKILL). Measured
from outside, in milliseconds since the process was gone (a pidfd of our own: a kill takes some
10 ms until the kernel has taken 200 MB apart):

    dying     from kill(2) to that moment; nothing of ours is in it
    noticed   the leader says in its events that the instance does not run any more
    created   libvirt says that the domain is there again (its CPUs are still paused)
    running   libvirt says that its CPUs run

Goal: noticed within 50 ms, created within 600 ms.
"""

import datetime
import os
import select
import signal
import subprocess
import time

import bed_bench

LIVED_SECONDS = 25  # A domain that ends sooner after its start is started again with a pause.
STEPS = ("dying", "noticed", "created", "running")


class Lifecycle:
    """libvirt's own word on every domain of a host, by `virsh event`."""

    def __init__(self, host):
        self._path = host.folder / "log" / "lifecycle.log"
        with open(self._path, "wb") as log:
            self._process = subprocess.Popen(
                [*host.enter, "stdbuf", "-oL", "virsh", "--quiet", "--connect", "qemu:///system",
                 "event", "--event", "lifecycle", "--loop", "--timestamp"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def events(self):
        """(seconds since the epoch, domain, what), oldest first."""
        found = []
        for line in self._path.read_text(encoding="utf-8").splitlines():
            if ": event 'lifecycle' for domain " not in line:
                continue
            stamp, _, rest = line.partition(": event 'lifecycle' for domain ")
            _, domain, what = rest.split("'", 2)
            at = datetime.datetime.fromisoformat(stamp[:-2] + ":" + stamp[-2:]).timestamp()
            found.append((at, domain, what.lstrip(": ")))
        return found

    def close(self):
        """Ends virsh."""
        self._process.terminate()
        self._process.wait()


def kill(pid):
    """Kills a process; returns when it was killed and when it was gone, since the epoch."""
    pidfd = os.pidfd_open(pid)
    try:
        killed = time.time()
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        select.select([pidfd], [], [], 30)
        return killed, time.time()
    finally:
        os.close(pidfd)


def seconds_of(stamp):
    """Seconds since the epoch of an event's time."""
    return datetime.datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp()


def noticed_at(site, name, killed):
    """When the leader said that the instance is not running; None while it has not."""
    for event in site.events(site.leader()):
        at = seconds_of(event["time"])
        if at >= killed - 0.001 and event["message"].startswith(f"{name}: running =>"):
            return at
    return None


def measure(site, lifecycles, name):
    """Kills one machine; the steps in milliseconds."""
    killed, gone = kill(bed_bench.hypervisors()[name])

    def first(word):
        times = [at for lifecycle in lifecycles for at, domain, what in lifecycle.events()
                 if domain == name and what.startswith(word) and at >= killed - 0.001]
        return min(times, default=None)
    site.wait_until(lambda: first("Resumed"), 60, f"{name} runs again")
    noticed = site.wait_until(lambda: noticed_at(site, name, killed), 30, f"{name} was noticed")
    times = {"noticed": noticed, "created": first("Started"), "running": first("Resumed")}
    steps = {step: round((at - gone) * 1000, 1) for step, at in times.items()}
    return {"dying": round((gone - killed) * 1000, 1), **steps}


def main(options):
    """Kills in turns, one machine after the other."""
    site = bed_bench.site_up(options.programs[0])
    lifecycles = [Lifecycle(host) for host in site.hosts]
    names = sorted(bed_bench.hypervisors())
    killed_at = {}
    rows = {str(programs): [] for programs in options.programs}
    before = bed_bench.machine()
    try:
        for number in range(options.kills * len(options.programs)):
            turn = number // options.in_a_row % len(options.programs)
            bed_bench.use_programs(site, options.programs[turn])
            name = names[number % len(names)]
            time.sleep(max(0.0, killed_at.get(name, 0) + LIVED_SECONDS - time.monotonic()))
            killed_at[name] = time.monotonic()
            row = {"instance": name, **measure(site, lifecycles, name)}
            rows[str(options.programs[turn])].append(row)
            bed_bench.wait_running(site)
    finally:
        for lifecycle in lifecycles:
            lifecycle.close()
        site.close()
    result = {"machine": [before, bed_bench.machine()], "kills": rows}
    result["figures"] = {
        programs: {step: {"p50": bed_bench.percentile([row[step] for row in measured], 0.5),
                          "max": max(row[step] for row in measured)} for step in STEPS}
        for programs, measured in rows.items()}
    lines = [f"machine: {before}"]
    for programs, figures in result["figures"].items():
        lines.append(f"{programs}: {len(rows[programs])} kills, ms since the process was gone")
        lines += [f"  {step:<8} p50 {figures[step]['p50']:7.1f}   max {figures[step]['max']:7.1f}"
                  for step in STEPS]
    bed_bench.tell(options, result, lines)


if __name__ == "__main__":
    PARSER = bed_bench.arguments("How soon a killed hypervisor is noticed and replaced.")
    PARSER.add_argument("--kills", type=int, default=12, help="for each set of programs")
    PARSER.add_argument("--in-a-row", type=int, default=4,
                        help="kills before the next set of programs has its turn")
    bed_bench.run_enclosed(__file__, main, PARSER)
