"""The sge type's drain and leave against clients that only say what they are told to: when a node is
disabled, when it is marked as ours, what is waited for, and what is taken from it that is lost. The
real ones are in tests/types/test_sge.py.
"""

import os
import subprocess

import pytest

from bed.site import REPOSITORY

DRAIN = REPOSITORY / "resources" / "types" / "sge" / "compute-drain"
QUEUE = """\
queuename                      qtype resv/used/tot. np_load  arch          states
batch@q-compute-1              BIP   0/0/1          0.01     lx-amd64      {states}
"""
JOBS = """\
job-ID  prior   name  user    state submit/start at     queue               slots ja-task-ID
 7      0.5     long  worker  s     11/22/2026 09:39:04 batch@q-compute-1   1
 9      0.5     wide  worker  r     11/22/2026 09:39:04 batch@q-compute-1   1        1
 9      0.5     wide  worker  r     11/22/2026 09:39:04 batch@q-compute-1   1        2
"""
# As the real one, it says nothing and ends with 1 where a node has no queue.
QSTAT = """case "$*" in
  -f*) [ -e "$FOLDER/queues" ] && cat "$FOLDER/queues" ;;
  "-s rs "*) [ -e "$FOLDER/queues" ] && cat "$FOLDER/jobs" ;;
  *) exit 2 ;;
esac
"""


@pytest.fixture(name="drain")
def fixture_drain(tmp_path):
    """Drains the node: (exit status, what it says, what the other clients were told to do)."""
    clients = {"qstat": QSTAT, "qmod": 'echo "qmod $*" >>"$FOLDER/calls"\n',
               "qconf": 'echo "qconf $*" >>"$FOLDER/calls"\n'}
    for name, text in clients.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}", encoding="utf-8")
        (tmp_path / name).chmod(0o755)

    def run(states, jobs="", **instead):
        """`instead`: other texts of clients."""
        for name, text in instead.items():
            (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        if states is not None:
            (tmp_path / "queues").write_text(QUEUE.format(states=states), encoding="utf-8")
        (tmp_path / "jobs").write_text(jobs, encoding="utf-8")
        calls = tmp_path / "calls"
        calls.write_text("", encoding="utf-8")
        # The script sets a PATH of its own before this one; this machine has no Grid Engine there.
        done = subprocess.run(
            ["/bin/sh", DRAIN], cwd="/", timeout=60, text=True, stdout=subprocess.PIPE,
            env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "CIERZO_NAME": "q-compute-1",
                 "FOLDER": str(tmp_path)}, check=False)
        return done.returncode, done.stdout, calls.read_text(encoding="utf-8").splitlines()
    return run


MARKED = ["qconf -aattr hostgroup hostlist q-compute-1 @cierzo_drained", "qmod -d *@q-compute-1"]


@pytest.mark.parametrize("states", ["", "au"])
def test_a_node_is_marked_as_ours_and_disabled(drain, states):
    assert drain(states) == (0, "", MARKED)


@pytest.mark.parametrize("states", ["d", "dau"])
def test_what_an_administrator_disabled_gets_no_mark(drain, states):
    assert drain(states) == (0, "", [])


def test_it_answers_at_once_and_names_the_jobs_suspended_ones_too(drain):
    assert drain("", JOBS) == (1, "its jobs have not ended: 7 9\n", MARKED)
    assert drain("d", JOBS) == (1, "its jobs have not ended: 7 9\n", [])
    assert drain("d") == (0, "", [])


def test_a_node_without_a_queue_has_no_jobs(drain):
    assert drain(None) == (0, "", [])


@pytest.mark.parametrize("client", ["qstat", "qmod", "qconf"])
def test_a_client_that_fails_is_no_drained_node(drain, client):
    status, said, _ = drain("", **{client: "echo 'unable to reach qmaster'; exit 1"})
    assert status == 1 and "unable to reach qmaster" in said


def test_a_qstat_that_hangs_is_no_node_without_a_queue(drain):
    status, said, calls = drain("", qstat="exit 124")
    assert (status, said, calls) == (1, "qstat -f: \n", [])
