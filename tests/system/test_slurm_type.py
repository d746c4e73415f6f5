"""The slurm type's scripts against clients and daemons that only say what they are told to: which nodes
are configured, when one is forgotten, what a drain does and waits for. The real ones are in
tests/types/test_slurm.py.

The enclosure has a file system of its own: the folders of Slurm and munge are made here.
"""

import os
import pathlib
import re
import socket
import subprocess

import pytest

from bed.site import REPOSITORY

SCRIPTS = REPOSITORY / "resources" / "types" / "slurm"
CONF = pathlib.Path("/etc/slurm/slurm.conf")
MARK = pathlib.Path("/var/lib/slurm/cierzo.drained")
MEMBERS = pathlib.Path("/var/lib/cierzo/members/head")  # Whom the head was told of by join.
FOLDERS = [pathlib.Path(name) for name in ("/etc/slurm", "/etc/munge", "/var/lib/slurm",
                                           "/var/lib/cierzo")]
NODE = "NodeName=q-compute-1 State={state} CPUs=1\n   Reason={reason}\n"
# A node that the file `node` does not describe is not known. `fail` says which command fails.
SCONTROL = """case "$FAIL" in *"$1 "*) echo "Unable to contact slurm controller"; exit 1 ;; esac
case $1 in
  ping) echo "Slurmctld(primary) at q-head-1 is UP" ;;
  show) [ -s "$FOLDER/$3" ] || { echo "Node $3 not found"; exit 1; }
        cat "$FOLDER/$3" ;;
  *) echo "$*" >>"$FOLDER/calls" ;;
esac
"""
SQUEUE = """case "$FAIL" in *"squeue "*) echo "Unable to contact slurm controller"; exit 1 ;; esac
[ ! -e "$FOLDER/jobs" ] || cat "$FOLDER/jobs"
"""
DAEMON = 'echo "${0##*/}" >>"$FOLDER/calls"\n'


class Machine:
    """A head or a compute node on this machine."""

    def __init__(self, folder):
        self.folder = folder
        texts = {"scontrol": SCONTROL, "squeue": SQUEUE, "slurmctld": DAEMON, "slurmd": DAEMON,
                 "chown": "", "chattr": "", "munge": "", "unmunge": "", "munged": "", "pidof": "exit 1",
                 "start-stop-daemon": ""}
        for name, text in texts.items():
            (folder / name).write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
            (folder / name).chmod(0o755)

    def run(self, script, role="compute", fail="", **variables):
        """(exit status, what it says, what Slurm was told to do)."""
        calls = self.folder / "calls"
        calls.write_text("", encoding="utf-8")
        done = subprocess.run(
            ["/bin/sh", SCRIPTS / script], cwd="/", timeout=120, text=True, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={"PATH": f"{self.folder}:{os.environ['PATH']}", "FOLDER": str(self.folder),
                 "FAIL": f"{fail} ", "CIERZO_RESOURCE": "q", "CIERZO_ROLE": role,
                 "CIERZO_NAME": f"q-{role}-1", "CIERZO_NAMES_HEAD": "q-head-1",
                 "CIERZO_ADDRESSES_HEAD": "10.9.9.9", "CIERZO_ATTRIBUTE_MUNGE_KEY": "k" * 64,
                 "CIERZO_ATTRIBUTE_NODE_CPUS": "1",
                 "CIERZO_NAMES_COMPUTE": "q-compute-1 q-compute-2",
                 "CIERZO_ADDRESSES_COMPUTE": "10.9.9.1 10.9.9.2", **variables})
        return done.returncode, done.stdout, calls.read_text(encoding="utf-8").splitlines()

    def node(self, name, state="IDLE", reason="(null)"):
        """What the head says of a node from now on."""
        (self.folder / name).write_text(NODE.format(state=state, reason=reason), encoding="utf-8")

    def jobs(self, text):
        """What the head says of a node's jobs from now on."""
        (self.folder / "jobs").write_text(text, encoding="utf-8")


@pytest.fixture(name="machine")
def fixture_machine(tmp_path):
    """Its daemons listen."""
    for folder in FOLDERS:
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(folder)], check=True)
    MEMBERS.mkdir(parents=True)
    for number in (1, 2):
        (MEMBERS / f"q-compute-{number}.compute").touch()
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with socket.create_server(("127.0.0.1", 6817)), socket.create_server(("127.0.0.1", 6818)):
        yield Machine(tmp_path)
    for folder in FOLDERS:
        subprocess.run(["umount", str(folder)], check=True)


def configured():
    """The nodes of slurm.conf, in order."""
    return re.findall(r"^NodeName=q-compute-(\d) NodeAddr=10.9.9.\1 CPUs=1$",
                      CONF.read_text(encoding="utf-8"), re.MULTILINE)


ONE = {"CIERZO_NAMES_COMPUTE": "q-compute-1", "CIERZO_ADDRESSES_COMPUTE": "10.9.9.1"}


def test_a_head_keeps_a_node_that_is_wanted_no_more_until_it_leaves(machine):
    assert machine.run("start", "head") == (0, "", ["slurmctld"])
    assert configured() == ["1", "2"]
    assert machine.run("start", "head") == (0, "", []), "nothing has changed"
    assert machine.run("start", "head", **ONE) == (0, "", []), "it may have to end a job"
    CONF.unlink()  # As after a reboot of a guest that has only its state on the disk.
    assert machine.run("start", "head", **ONE) == (0, "", ["slurmctld"])
    assert configured() == ["1", "2"]
    assert machine.run("start", "head", CIERZO_MEMBER_NAME="q-compute-2", **ONE) == (0, "", ["slurmctld"])
    assert configured() == ["1"]
    assert machine.run("start", "head", CIERZO_MEMBER_NAME="q-compute-2", **ONE) == (0, "", [])
    assert machine.run("start", "head") == (0, "", ["slurmctld"])
    assert configured() == ["1", "2"], "wanted again"


def test_a_head_forgets_a_node_that_never_joined_unless_it_has_a_job(machine):
    assert machine.run("start", "head")[0] == 0
    (MEMBERS / "q-compute-2.compute").unlink()
    machine.jobs("7 RUNNING\n")
    assert machine.run("start", "head", **ONE) == (0, "", [])
    assert machine.run("start", "head", fail="squeue", **ONE) == (0, "", []), "no answer is not none"
    machine.jobs("")
    assert machine.run("start", "head", **ONE) == (0, "", ["slurmctld"])
    assert configured() == ["1"]


def test_jobs_of_a_node_that_leaves_are_taken_from_it_before_it_is_forgotten(machine):
    assert machine.run("start", "head")[0] == 0
    machine.jobs("7 RUNNING\n")
    leaves = {"CIERZO_MEMBER_NAME": "q-compute-2", **ONE}
    status, said, calls = machine.run("start", "head", fail="update", **leaves)
    assert (status, calls) == (1, []) and "cannot take the jobs from q-compute-2" in said
    assert configured() == ["1", "2"]
    assert machine.run("start", "head", **leaves) == (
        0, "", ["update nodename=q-compute-2 state=down reason=cierzo: has left", "slurmctld"])
    assert configured() == ["1"]


def test_a_node_knows_of_another_as_long_as_the_head_does(machine):
    machine.node("q-compute-1")
    machine.node("q-compute-2")
    assert machine.run("start") == (0, "", ["slurmd"])
    assert machine.run("start", **ONE) == (0, "", [])
    (machine.folder / "q-compute-2").unlink()
    assert machine.run("start", fail="show", **ONE) == (0, "", []), "no answer is not that"
    assert machine.run("start", **ONE) == (0, "", ["slurmd"])
    assert configured() == ["1"]


def test_a_drain_answers_at_once_and_names_its_jobs(machine):
    machine.node("q-compute-1")
    machine.jobs("12 RUNNING\n9 SUSPENDED\n3 COMPLETED\n")
    drained = ["update nodename=q-compute-1 state=drain reason=cierzo: leaves the cluster"]
    assert machine.run("compute-drain") == (1, "its jobs have not ended: 9 12\n", drained)
    machine.node("q-compute-1", "MIXED+DRAIN", "cierzo: leaves the cluster [root@now]")
    machine.jobs("12 COMPLETED\n9 CANCELLED\n")
    assert machine.run("compute-drain") == (0, "", [])
    assert machine.run("start") == (0, "", ["slurmd", "update nodename=q-compute-1 state=resume"])
    assert not MARK.exists()


def test_what_an_administrator_drained_stays_his(machine):
    machine.node("q-compute-1", "IDLE+DRAIN", "disk [root@now]")
    assert machine.run("compute-drain") == (0, "", [])
    assert machine.run("start") == (0, "", ["slurmd"])


def test_what_the_head_does_not_know_has_no_jobs_and_what_it_does_not_say_is_no_drained_node(machine):
    assert machine.run("compute-drain") == (0, "", [])
    machine.node("q-compute-1")
    for command in ("show", "update", "squeue"):
        status, said, _ = machine.run("compute-drain", fail=command)
        assert status == 1 and "Unable to contact slurm controller" in said


def test_a_node_that_was_drained_does_not_start_before_the_head_has_taken_it_back(machine):
    machine.node("q-compute-1")
    assert machine.run("start", fail="show") == (0, "", ["slurmd"]), "it never was: it is not asked"
    assert machine.run("compute-drain")[0] == 0
    status, said, _ = machine.run("start", fail="show")
    assert status == 1 and "Unable to contact slurm controller" in said


def test_a_head_does_not_take_in_a_node_that_it_does_not_have(machine):
    assert machine.run("compute-join", "head", CIERZO_MEMBER_NAME="q-compute-2")[0] == 1
    machine.node("q-compute-2")
    assert machine.run("compute-join", "head", CIERZO_MEMBER_NAME="q-compute-2") == (0, "", [])
