"""Real agents, guards, libvirtds and hypervisors under random faults: eight of them, from one seed.

The first tests are of the judges themselves: what they are shown must not pass.
"""

import json

from bed.site import BUILD
from chaos import history, report, run, schedule, writer
from chaos.history import Copy, Freeze, History

FAULTS = 8
SEED = 53


def lines(*rows):
    return [json.dumps(dict(zip(("at", "what", "pid", "name", "space"), row))) for row in rows]


def double(at, *pids):
    return json.dumps({"at": at, "what": "double", "name": "web", "pids": list(pids)})


def test_two_running_copies_are_a_violation():
    seen = history.read([*lines((1, "seen", 7, "web", "a"), (2, "seen", 8, "web", "b")),
                         double(2.0, 7, 8), double(2.4, 7, 8), *lines((2.5, "gone", 7))],
                        {"a": "node1", "b": "node2"})
    assert history.violations(seen, []) == [("web", ["node1", "node2"], 2.0, 2.4)]
    frozen = Freeze("node1", 1.0, 1.9, 1.98)
    assert history.violations(seen, [frozen]) == [("web", ["node1", "node2"], 2.4, 2.4)]
    assert history.violations(seen, [Freeze("node3", 1.0, 1.9, 2.5)]), "another host's thaw"


def test_guard_delay_after_a_thaw_is_no_violation():
    seen = History([], [(2.0, "web", ["node1", "node2"])])
    assert history.violations(seen, [Freeze("node2", 1.0, 1.95, 1.96)]) == []
    assert history.violations(seen, [Freeze("node2", 1.0, 1.90, 1.91)]) != []
    assert history.violations(seen, [Freeze("node2", 1.0)]) != [], "it is frozen still"
    assert round(history.after_thaw(seen, [Freeze("node2", 1.0, 1.95, 1.96)])[0], 3) == 0.05


def test_pauses_and_replacements_are_told_apart():
    old = Copy("web", "node1", 7, 1.0, gone=9.0, pauses=[[3.0, None]])
    new = Copy("web", "node2", 8, 5.0)
    waits = Copy("db", "node1", 9, 1.0, pauses=[[3.0, 6.5], [7.0, 8.0]])
    again = Copy("web", "node1", 10, 4.0)  # Started again where it was: no replacement.
    seen = History([old, again, new, waits], [])
    assert history.false_pauses(seen, []) == [3.5, 1.0]
    assert history.false_pauses(seen, [Freeze("node1", 6.9, 8.0, 8.1)]) == [3.5]
    assert history.replacements(seen, [[2.0, "node1", 10.0]]) == [(3.0, 2.0)]
    assert history.replacements(seen, [[2.0, "node2", 10.0]]) == []


def test_what_was_acknowledged_must_be_there():
    acknowledged, unknown = True, False
    ledger = {"a": [(1, acknowledged), (2, acknowledged)], "b": [(1, acknowledged), (None, unknown)]}
    assert writer.wrong(ledger, {"a": 2, "b": 1}) == []
    assert writer.wrong(ledger, {"a": 2}) == []
    assert writer.wrong(ledger, {"a": 1}) != []
    assert writer.wrong(ledger, {"b": 1}) != []
    assert writer.wrong({"c": [(1, acknowledged), (None, acknowledged)]}, {"c": 1}) != []


def test_a_schedule_is_the_seeds():
    assert schedule.rounds(5, 40, 5) == schedule.rounds(5, 40, 5) != schedule.rounds(6, 40, 5)
    for seed in range(50):
        for faults in schedule.rounds(seed, 40, 5):
            assert len(faults) <= 2, "a majority of five is left"
    kinds = {fault.kind for faults in schedule.rounds(1, 40, 5) for fault in faults}
    assert kinds == set(schedule.KINDS)


def test_nothing_runs_twice_and_nothing_is_lost():
    result = run.run(FAULTS, SEED)
    (BUILD / "chaos.json").write_text(json.dumps(result, indent=1), encoding="utf-8")
    print("\n".join(report.table(result)))
    assert result["failures"] == [], f"once more: tests/run chaos --faults {FAULTS} --seed {SEED}"
    assert result["looks"] > 1000 and result["copies"] >= len(run.NAMES), "it was looked at"
    assert result["writes"]["acknowledged"] > FAULTS, "there were writes"
