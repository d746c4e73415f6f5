"""What every benchmark on the test bed shares: the way in, the numbers, and how they are told.

A benchmark is an executable file beside this one. Started by hand it builds the programs and runs
itself again inside an enclosure (tests/system/bed/enclosure.py); inside it measures and prints a
table, or one JSON object with --output json.
"""

import argparse
import datetime
import json
import pathlib
import subprocess
import sys

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "tests" / "system"))

from bed import enclosure  # noqa: E402  (needs the path above)
from bed.site import BUILD, IMAGES  # noqa: E402

PLAIN_TYPE = """\
type: plain
summary: virtual machines without services
roles:
  server: {count: 1..}
"""


def percentile(sample, percent):
    """The value that `percent` of the sample do not exceed (nearest rank)."""
    ordered = sorted(sample)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def seconds_of(text):
    """Seconds since the epoch of an RFC 3339 time, as events have it."""
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def say(text):
    """Progress, on stderr: stdout is the result's."""
    print(text, file=sys.stderr, flush=True)


def write_plain(folder, name, addresses, image, memory="128 MiB"):
    """A type of machines without services, and a manifest of `addresses`: (types folder, file)."""
    types = folder / "types"
    (types / "plain").mkdir(parents=True, exist_ok=True)
    (types / "plain" / "type.yaml").write_text(PLAIN_TYPE, encoding="utf-8")
    manifest = folder / f"{name}.yaml"
    manifest.write_text(f"plain:\n  {name}:\n    ensure: running\n    vm_mem: {memory}\n"
                        f"    server: {{ips: {addresses}, image: {image}}}\n", encoding="utf-8")
    return types, manifest


def run(script, arguments, measure, tell):
    """A benchmark's main(): `measure(options)` gives the result, `tell(result)` prints it.

    `arguments(parser)` adds the benchmark's own options. Returns the exit status.
    """
    parser = argparse.ArgumentParser(
        prog=f"tests/bench/{pathlib.Path(script).name}",
        description=sys.modules["__main__"].__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", choices=["text", "json"], default="text")
    arguments(parser)
    options = parser.parse_args()
    if not enclosure.inside():
        for command in (["cmake", "--preset", "release", "--log-level=WARNING"],
                        ["ninja", "-C", "build", "agentd", "agentctl", "simulation"],
                        [str(REPOSITORY / "resources" / "images" / "build"), str(IMAGES)]):
            subprocess.run(command, cwd=REPOSITORY, stdout=sys.stderr, check=True)
        return enclosure.run([enclosure.PYTHON, script, *sys.argv[1:]])
    result = measure(options)
    if options.output == "json":
        print(json.dumps(result))
    else:
        tell(result)
    return 0


__all__ = ["BUILD", "IMAGES", "REPOSITORY", "percentile", "run", "say", "seconds_of",
           "write_plain"]
