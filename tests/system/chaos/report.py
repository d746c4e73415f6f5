"""The figures of a run, or of several: one object for machines, lines for people."""

import math

from . import history


def make(chaos, seen, injector, writer, wrong):
    """The report of one run. `failures`: what must not be, in words; empty where all holds."""
    ends = [loss for loss in injector.losses if len(loss) == 3]
    replaced = history.replacements(seen, ends)
    violations = history.violations(seen, injector.freezes)
    failures = [f"{name} ran on {' and '.join(hosts)} at once for {1000 * (end - begin):.0f} ms"
                for name, hosts, begin, end in violations] + wrong
    if chaos.failure:
        failures.append(chaos.failure)
    return {
        "seed": chaos.seed,
        "faults": sum(len(done.faults) for done in chaos.rounds),
        "rounds": len(chaos.rounds),
        "failures": failures,
        "writes": {"acknowledged": writer.acknowledged, "refused": writer.refused,
                   "unknown": writer.unknown},
        "looks": seen.looks, "longest_gap_ms": round(1000 * seen.longest_gap, 1),
        "late_looks": seen.late,
        "copies": len(seen.copies),
        "ms": {
            "leaderless": milliseconds(done.leaderless for done in chaos.rounds),
            "loss_to_replacement": milliseconds(row[0] for row in replaced),
            "old_copy_silent_before_the_new": milliseconds(row[1] for row in replaced),
            "false_pauses": milliseconds(history.false_pauses(seen, injector.freezes)),
            "two_copies_after_a_thaw": milliseconds(history.after_thaw(seen, injector.freezes)),
            "converged_after_heal": milliseconds(done.converged for done in chaos.rounds),
        },
        "rounds_as_they_were": [{"faults": done.faults, "converged": done.converged}
                                for done in chaos.rounds],
    }


def milliseconds(values):
    """All values that there are, sorted."""
    return sorted(round(1000 * value, 1) for value in values if value is not None)


def together(reports):
    """Several runs' figures as one; the rounds are left out."""
    whole = {"runs": len(reports)}
    for key in ("faults", "rounds", "looks", "late_looks", "copies"):
        whole[key] = sum(report[key] for report in reports)
    whole["failures"] = [f"seed {report['seed']}: {text}" for report in reports
                         for text in report["failures"]]
    whole["longest_gap_ms"] = max(report["longest_gap_ms"] for report in reports)
    for part in ("writes", "ms"):
        whole[part] = {}
        for report in reports:
            for key, value in report[part].items():
                empty = 0 if part == "writes" else []
                whole[part][key] = whole[part].get(key, empty) + value
    whole["ms"] = {key: sorted(values) for key, values in whole["ms"].items()}
    return whole


def table(report):
    """The lines for people."""
    yield (f"{report['faults']} faults in {report['rounds']} rounds; {report['copies']} hypervisors "
           f"lived; looked {report['looks']} times, longest gap {report['longest_gap_ms']} ms, "
           f"{report['late_looks']} looks late")
    writes = report["writes"]
    yield (f"writes: {writes['acknowledged']} acknowledged, {writes['refused']} refused for want of "
           f"a leader, {writes['unknown']} without an answer")
    yield f"{'ms':32}{'count':>7}{'min':>9}{'p50':>9}{'p90':>9}{'max':>9}"
    for key, values in report["ms"].items():
        name = key.replace("_", " ")
        if not values:
            yield f"{name:32}{0:>7}"
            continue
        figures = [values[0], share(values, 0.5), share(values, 0.9), values[-1]]
        yield f"{name:32}{len(values):>7}" + "".join(f"{value:>9.0f}" for value in figures)
    for text in report["failures"]:
        yield f"FAILED: {text}"


def share(values, part):
    """The value below which this part of the sorted values lies, nearest rank."""
    return values[max(0, math.ceil(part * len(values)) - 1)]
