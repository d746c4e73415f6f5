#!/usr/bin/env python3
"""What an agent costs while nothing happens: three hosts, the web example runs, default timings.

    tests/bench/idle.py [--seconds 60] [--turns 1] [--programs FOLDER]... [--output json]

Of every agent, from /proc: CPU time (user and system) in percent of one core, context switches a
second, proportional (PSS) and private memory. The goal is at most 0.3 % of a core, 35 MB PSS and
12 MB private.
"""

import pathlib
import time

import bed_bench

TICKS = 100.0  # USER_HZ, which Linux has fixed at 100.
MEASURES = ("cpu_percent", "switches_per_second", "pss_mb", "private_mb")


def cpu_seconds(pid):
    """User and system time of all threads."""
    words = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / TICKS


def switches(pid):
    """Context switches of all threads so far."""
    total = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        for line in (task / "status").read_text(encoding="utf-8").splitlines():
            if "ctxt_switches" in line:
                total += int(line.split()[1])
    return total


def memory(pid):
    """PSS and private memory in MB."""
    sizes = {}
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines():
        words = line.split()
        if len(words) == 3 and words[2] == "kB":
            sizes[words[0].rstrip(":")] = int(words[1]) / 1000
    return sizes["Pss"], sizes["Private_Clean"] + sizes["Private_Dirty"]


def measure(site, seconds):
    """Name of the host -> its figures, over `seconds`."""
    pids = {host.name: host.daemons["agentd"].pid for host in site.hosts}
    leader = site.leader().name
    start = time.monotonic()
    before = {name: (cpu_seconds(pid), switches(pid)) for name, pid in pids.items()}
    time.sleep(seconds)
    passed = time.monotonic() - start
    result = {}
    for name, pid in pids.items():
        pss, private = memory(pid)
        result[name] = {
            "leads": name == leader,
            "cpu_percent": round((cpu_seconds(pid) - before[name][0]) / passed * 100, 3),
            "switches_per_second": round((switches(pid) - before[name][1]) / passed, 1),
            "pss_mb": round(pss, 1), "private_mb": round(private, 1)}
    return result


def main(options):
    """Measures each set of programs in turns."""
    site = bed_bench.site_up(options.programs[0])
    turns = {str(programs): [] for programs in options.programs}
    before = bed_bench.machine()
    try:
        for _ in range(options.turns):
            for programs in options.programs:
                bed_bench.use_programs(site, programs)
                time.sleep(options.settle)
                turns[str(programs)].append(measure(site, options.seconds))
    finally:
        site.close()
    figures = {}
    for programs, measured in turns.items():
        rows = [row for turn in measured for row in turn.values()]
        figures[programs] = {
            which: {key: round(sum(row[key] for row in chosen) / len(chosen), 3)
                    for key in MEASURES}
            for which, chosen in (("leader", [row for row in rows if row["leads"]]),
                                  ("others", [row for row in rows if not row["leads"]]))}
        figures[programs]["worst_cpu_percent"] = max(row["cpu_percent"] for row in rows)
    result = {"machine": [before, bed_bench.machine()], "seconds": options.seconds,
              "turns": turns, "figures": figures}
    lines = [f"machine: {before}; {options.turns} x {options.seconds:g} s"]
    for programs, figure in figures.items():
        lines.append(f"{programs}:")
        for which in ("leader", "others"):
            row = figure[which]
            lines.append(
                f"  {which}: {row['cpu_percent']:.3f} % of a core, "
                f"{row['switches_per_second']:.0f} switches/s, PSS {row['pss_mb']:.1f} MB, "
                f"private {row['private_mb']:.1f} MB")
    bed_bench.tell(options, result, lines)


if __name__ == "__main__":
    PARSER = bed_bench.arguments("CPU time and memory of idle agents.")
    PARSER.add_argument("--seconds", type=float, default=60)
    PARSER.add_argument("--settle", type=float, default=10,
                        help="seconds between a change of agents and its measurement")
    PARSER.add_argument("--turns", type=int, default=1)
    bed_bench.run_enclosed(__file__, main, PARSER)
