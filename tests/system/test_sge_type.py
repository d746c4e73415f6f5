"""The sge type's drain, join and leave against clients that only say what they are told to: when a node
is disabled, when it is marked as ours, what is waited for, and what is taken from one that is gone.
The real ones are in tests/types/test_sge.py.
"""

import os
import subprocess

import pytest

from bed.site import REPOSITORY

SCRIPTS = REPOSITORY / "resources" / "types" / "sge"
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
# As the real one, qstat says nothing and ends with 1 where a node has no queue; a job that runs again
# (qmod -rj) is no more there, unless it must not.
CLIENTS = {
    "qstat": """[ -e "$FOLDER/queues" ] || exit 1
case "$*" in
  -f*) cat "$FOLDER/queues" ;;
  "-s rs "*) cat "$FOLDER/jobs" ;;
  *) exit 2 ;;
esac""",
    "qmod": """echo "qmod $*" >>"$FOLDER/calls"
[ "$1" != -f ] || grep -v " $4 " "$FOLDER/jobs" >"$FOLDER/left"
[ "$1" != -f ] || mv "$FOLDER/left" "$FOLDER/jobs" """,
    "qdel": """echo "qdel $*" >>"$FOLDER/calls"; : >"$FOLDER/jobs" """,
    "qconf": """case "$*" in
  "-shgrp @cierzo") printf 'group_name @cierzo\\nhostlist %s\\n' "$(cat "$FOLDER/hosts")" ;;
  -sel | -sh) cat "$FOLDER/hosts" ;;
  *) echo "qconf $*" >>"$FOLDER/calls" ;;
esac"""}


@pytest.fixture(name="run")
def fixture_run(tmp_path):
    """Runs a script: (exit status, what it says, what the clients were told to do)."""
    def run(script, states, jobs="", hosts="q-compute-1", **instead):
        """`states`: of the node's queue; None: it has none. `instead`: other texts of clients."""
        for name, text in {**CLIENTS, **instead}.items():
            (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
            (tmp_path / name).chmod(0o755)
        if states is not None:
            (tmp_path / "queues").write_text(QUEUE.format(states=states), encoding="utf-8")
        (tmp_path / "jobs").write_text(jobs, encoding="utf-8")
        (tmp_path / "hosts").write_text(f"{hosts}\n", encoding="utf-8")
        calls = tmp_path / "calls"
        calls.write_text("", encoding="utf-8")
        # The script sets a PATH of its own before this one; this machine has no Grid Engine there.
        done = subprocess.run(
            ["/bin/sh", SCRIPTS / script], cwd="/", timeout=60, text=True, check=False,
            stdout=subprocess.PIPE, env={
                "PATH": f"{tmp_path}:{os.environ['PATH']}", "CIERZO_NAME": "q-compute-1",
                "CIERZO_MEMBER_NAME": "q-compute-1", "FOLDER": str(tmp_path)})
        return done.returncode, done.stdout, calls.read_text(encoding="utf-8").splitlines()
    return run


@pytest.fixture(name="drain")
def fixture_drain(run):
    return lambda *values, **named: run("compute-drain", *values, **named)


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


GONE = ["qconf -dattr hostgroup hostlist q-compute-1 @cierzo",
        "qconf -dattr hostgroup hostlist q-compute-1 @cierzo_drained",
        "qconf -de q-compute-1", "qconf -dh q-compute-1"]


def test_a_node_that_leaves_is_forgotten_in_every_list(run):
    assert run("compute-leave", "d") == (0, "", ["qmod -d *@q-compute-1", *GONE])
    assert run("compute-leave", "d", hosts="q-compute-2") == (0, "", GONE[1:2]), "it has left already"


def test_jobs_of_a_node_that_leaves_run_again_or_end(run):
    again = ["qmod -d *@q-compute-1", "qmod -f -rj 7 9"]
    assert run("compute-leave", "", JOBS) == (0, "", [*again, "qdel -f 7", *GONE])


def test_a_node_whose_jobs_cannot_be_taken_from_it_is_not_forgotten(run):
    status, said, calls = run("compute-leave", "", JOBS, qdel="exit 1", qmod="exit 0", sleep="exit 0")
    assert (status, calls) == (1, []) and "still on q-compute-1" in said and "7 9" in said


@pytest.mark.parametrize("client", ["qstat", "qmod", "qconf"])
def test_a_client_that_fails_is_no_node_that_has_left(run, client):
    status, said, calls = run("compute-leave", "", **{client: "echo 'unable to reach qmaster'; exit 1"})
    assert status == 1 and "unable to reach qmaster" in said
    assert not set(calls) & set(GONE)


def test_a_head_does_not_take_in_a_node_that_it_does_not_have(run):
    assert run("compute-join", "") == (0, "", [])
    assert run("compute-join", "", hosts="q-compute-11")[0] == 1
