"""python3 -m chaos: see the package. `tests/run chaos` builds, and runs it in an enclosure."""

import argparse
import json
import pathlib
import sys

from bed.site import BUILD

from . import report, run, schedule

SLICE = 40  # Faults on one site; then another seed, and a new site.


def main():
    """One run, or several that make N faults; exit status 1 where something failed."""
    parser = argparse.ArgumentParser(prog="tests/run chaos", description="Real agents, guards, "
                                     "libvirtds and QEMU under random faults.")
    parser.add_argument("--faults", type=int, default=8, help="how many (8)")
    parser.add_argument("--seed", type=int, default=1, help="which (1); every 40 faults begin a "
                        "new site, with the next seed")
    parser.add_argument("--kinds", help="only these, such as power,freeze: "
                        + ", ".join(schedule.KINDS))
    parser.add_argument("--programs", type=pathlib.Path, default=BUILD / "bin", metavar="FOLDER",
                        help="a folder with agentd, cierzo-guard and agentctl (build/bin)")
    parser.add_argument("--output", choices=("text", "json"), default="text")
    options = parser.parse_args()
    kinds = options.kinds and options.kinds.split(",")
    for kind in kinds or []:
        if kind not in schedule.KINDS:
            parser.error(f"no such kind of fault: {kind} (accepted: {', '.join(schedule.KINDS)})")
    reports, seed, left = [], options.seed, options.faults
    while left:
        count = min(left, SLICE)
        run.say(f"seed {seed}, {count} faults")
        reports.append(run.run(count, seed, kinds, options.programs))
        for text in reports[-1]["failures"]:
            run.say(f"FAILED: {text}\nonce more: tests/run chaos --faults {count} --seed {seed}"
                    + (f" --kinds {options.kinds}" if kinds else ""))
        left -= count
        seed += 1
    whole = report.together(reports)
    print(json.dumps({**whole, "each": reports}) if options.output == "json"
          else "\n".join(report.table(whole)))
    sys.exit(1 if whole["failures"] else 0)


main()
