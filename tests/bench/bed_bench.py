"""What the benchmarks on the bed share: the enclosure, the site, hypervisors, figures.

A benchmark measures one or more sets of programs (`--programs FOLDER`, repeated) on one site with
the same virtual machines, turn by turn, so that what else the machine does meets all of them alike.
The machines live through the change of agents.
"""

import argparse
import datetime
import json
import math
import os
import pathlib
import subprocess
import sys

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "tests" / "system"))

from bed import enclosure  # noqa: E402  (needs the path above)
from bed.machines import hypervisors  # noqa: E402,F401  (for the benchmarks)
from bed.site import BUILD, IMAGES, Site  # noqa: E402

MANIFEST = REPOSITORY / "manifests" / "examples" / "web.yaml"
RESOURCE = "myweb"
UP_SECONDS = 240  # Four guests under emulation, on cores that are busy otherwise.

PLAIN = "plain"  # The name of a type without services, and of a resource of it.
PLAIN_TYPE = """\
type: plain
summary: virtual machines without services
roles:
  server: {count: 1..}
"""


def arguments(description):
    """A parser with what every benchmark takes."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--programs", action="append", type=pathlib.Path, metavar="FOLDER",
                        help="a folder with agentd and agentctl (default: build/bin); given again: "
                        "measured beside the first, in turns")
    parser.add_argument("--output", choices=("text", "json"), default="text")
    return parser


def run_enclosed(script, main, parser, prepare=None):
    """Runs `main(options)` inside an enclosure; outside of one builds and starts it there, after
    `prepare(options)`: an enclosure has no network to the world.
    """
    options = parser.parse_args()
    if not enclosure.inside():
        if prepare:
            prepare(options)
        build(options.programs)
        sys.exit(enclosure.run([enclosure.PYTHON, script, *sys.argv[1:]]))
    options.programs = [path.resolve() for path in options.programs or [BUILD / "bin"]]
    main(options)


def build(programs):
    """Images, and the programs of this repository where no others are given."""
    commands = [[str(REPOSITORY / "resources" / "images" / "build"), str(IMAGES)]]
    if not programs:
        commands += [["cmake", "--preset", "release", "--log-level=WARNING"],
                     ["ninja", "-C", "build", "agentd", "cierzo-guard", "agentctl", "simulation"]]
    for command in commands:
        subprocess.run(command, cwd=REPOSITORY, stdout=sys.stderr, check=True)


def plain_resource(folder, count, memory):
    """A type of machines without services, and a manifest of `count`: (folder of types, file)."""
    types = folder / "types"
    (types / PLAIN).mkdir(parents=True, exist_ok=True)
    (types / PLAIN / "type.yaml").write_text(PLAIN_TYPE, encoding="utf-8")
    manifest = folder / f"{PLAIN}.yaml"
    manifest.write_text(f"{PLAIN}:\n  {PLAIN}:\n    ensure: running\n    vm_mem: {memory}\n"
                        f"    server: {{ips: 10.77.2.1-10.77.2.{count}, image: mini.qcow2}}\n",
                        encoding="utf-8")
    return types, manifest


def site_up(programs):
    """A site of three hosts with the web example running."""
    site = Site(hosts=3, programs=programs)
    try:
        site.start_agents()
        site.agentctl(site.leader(), "apply", MANIFEST, seconds=UP_SECONDS)
        wait_running(site)
    except BaseException:
        site.close()
        raise
    return site


def use_programs(site, programs):
    """Goes on with other agents; the machines notice nothing."""
    if site.programs != programs:
        site.programs = programs
        for host in site.hosts:
            host.stop("agentd")
        site.start_agents()
    wait_running(site)


def wait_running(site):
    """Waits until everything runs and is well."""
    def settled():
        rows = [row for resource in site.status()["resources"] for row in resource["instances"]]
        return rows and all(row["state"] == "running" and row["health"] == "passing"
                            for row in rows)
    site.wait_until(settled, UP_SECONDS, "the site runs")


def percentile(values, share):
    """The value below which `share` (0 to 1) of the values lie, nearest rank."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def seconds_of(text):
    """Seconds since the epoch of an RFC 3339 time, as events have it."""
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def say(text):
    """Progress, on stderr: stdout is the result's."""
    print(text, file=sys.stderr, flush=True)


def machine():
    """What the figures were measured on, in one line."""
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    return f"{os.cpu_count()} cores, load average {load}"


def tell(options, result, lines):
    """Prints the result: an object, or lines for people."""
    if options.output == "json":
        print(json.dumps(result, indent=1))
    else:
        print("\n".join(lines))
