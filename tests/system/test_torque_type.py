"""The torque type's scripts of the head against the stand-in for TORQUE (tests/standins/torque), on
this machine: no guest is needed for what they ask of the server.

The enclosure has a file system and processes of its own: TORQUE's folder and /etc/hosts are made
here.
"""

import contextlib
import os
import pathlib
import re
import stat
import subprocess

import pytest

from bed.site import IMAGES, REPOSITORY
from bed.thesis import STAND_INS
from bed.waiting import wait_until

SCRIPTS = REPOSITORY / "resources" / "types" / "torque"
HOME = pathlib.Path("/var/spool/torque")
MEMBERS = pathlib.Path("/var/lib/cierzo/members/head")  # Whom the head was told of by join.
PROGRAMS = ["pbs_server", "pbs_mom", "pbs_sched", "trqauthd", "qmgr", "qsub", "qstat", "qterm",
            "pbsnodes", "qrerun", "qdel"]
DAEMONS = ["trqauthd", "pbs_server", "pbs_sched"]


class Head:
    """A TORQUE head on this machine."""

    def __init__(self, folder):
        self.folder = folder
        for program in PROGRAMS:
            (folder / program).symlink_to(STAND_INS / "torque")
        # busybox's pidof, as in the guests: another one does not see scripts.
        subprocess.run(["cpio", "--extract", "--quiet", "--make-directories", "bin/busybox"],
                       cwd=folder, check=True, stdin=open(IMAGES / "boot" / "mini.cpio", "rb"))
        (folder / "pidof").symlink_to(folder / "bin" / "busybox")

    def run(self, command, user=None, **variables):
        """Runs a command of the shell; (exit status, what it said)."""
        environment = {
            **os.environ, "PATH": f"{self.folder}:{os.environ['PATH']}", "CIERZO_NAME": "q-head-1",
            "CIERZO_RESOURCE": "q", "CIERZO_ATTRIBUTE_TORQUE_HOME": str(HOME),
            "CIERZO_ATTRIBUTE_SCHEDULER": "pbs_sched", "CIERZO_ATTRIBUTE_NODE_SLOTS": "1",
            "CIERZO_NAMES_COMPUTE": "q-compute-1 q-compute-2", **variables}
        done = subprocess.run(["/bin/sh", "-c", command], env=environment, timeout=120, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                              user=user, cwd="/")
        return done.returncode, done.stdout

    def script(self, name, **variables):
        return self.run((SCRIPTS / name).read_text(encoding="utf-8"), **variables)

    def nodes(self):
        """Node -> (the set of its states, np)."""
        said = self.run("pbsnodes -x")[1]
        found = re.findall(r"<name>(.*?)</name><state>(.*?)</state><np>(.*?)</np>", said)
        return {name: (set(states.split(",")), int(np)) for name, states, np in found}

    def offline(self):
        """The nodes that take no jobs."""
        return {name for name, (states, _) in self.nodes().items() if "offline" in states}

    def pid(self, daemon):
        """The process of a daemon; 0: there is none. It asks others in processes of its own."""
        return min([int(word) for word in self.run(f"pidof {daemon}")[1].split()], default=0)


@pytest.fixture(scope="module")
def head(tmp_path_factory):
    """A head that was started once; the stand-in's files are readable for the user who sends jobs."""
    folder = tmp_path_factory.mktemp("torque")
    for path in (folder, folder.parent, folder.parent.parent):
        path.chmod(0o755)
    HOME.mkdir(parents=True, exist_ok=True)
    hosts = folder / "hosts"
    hosts.write_text("127.0.0.1 localhost\n127.0.0.1 q-head-1\n" + "".join(
        f"10.9.9.{number} q-compute-{number}\n" for number in (1, 2, 3)), encoding="utf-8")
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(HOME)], check=True)
    subprocess.run(["mount", "--bind", str(hosts), "/etc/hosts"], check=True)
    MEMBERS.parent.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(MEMBERS.parent.parent)], check=True)
    MEMBERS.mkdir(parents=True)
    for number in (1, 2):
        (MEMBERS / f"q-compute-{number}.compute").touch()
    (HOME / "mom_priv" / "jobs").mkdir(parents=True, mode=0o751)  # This machine drains as a node, too.
    made = Head(folder)
    assert made.script("head-start") == (0, "")
    yield made
    for daemon in DAEMONS:
        made.run(f"kill -9 $(pidof {daemon})")
    subprocess.run(["umount", "/etc/hosts"], check=True)
    subprocess.run(["umount", str(MEMBERS.parent.parent)], check=True)
    subprocess.run(["umount", str(HOME)], check=True)


def send_job(head):
    """Sends a job, which no node takes: none has a pbs_mom; its number."""
    status, said = head.run("echo true | qsub", user="nobody")
    assert status == 0, said
    return said.split(".")[0]


@contextlib.contextmanager
def broken(head, program, text):
    """Another program in place of a client, for as long: a shell's text; `$real` is that client."""
    path = head.folder / program
    real = head.folder / "real" / program
    real.parent.mkdir(exist_ok=True)
    path.rename(real)
    path.write_text(f"#!/bin/sh\nreal={real}\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    try:
        yield
    finally:
        real.rename(path)


@contextlib.contextmanager
def pbs_mom(head):
    """A pbs_mom, for as long as a `compute-start` needs it: this machine is no node."""
    try:
        yield
    finally:
        head.run("kill -9 $(pidof pbs_mom)")


@contextlib.contextmanager
def job_on(head, node, ident="900.q-head-1", rerunable="y"):
    """A job runs on a node, for as long, as the server's database has it."""
    def restart(change):
        assert head.script("head-stop") == (0, "")
        database = HOME / "server_priv" / "serverdb"
        database.write_text(change(database.read_text(encoding="utf-8")), encoding="utf-8")
        assert head.run("trqauthd; pbs_server; pbs_sched")[0] == 0
        wait_until(lambda: head.run("qmgr -c 'list server'")[0] == 0, 30, "the server answers")
    job = {"id": ident, "rerunable": rerunable, "user": "1", "queue": "batch", "node": "1", "script": "-",
           "state": "R", "on": node, "exit": "-", "output": "-"}
    line = "job " + " ".join("x" + word.encode().hex() for pair in job.items() for word in pair)
    restart(lambda text: text + line + "\n")
    try:
        yield
    finally:
        # The server writes a job's words in any order.
        word = "x" + ident.encode().hex()
        restart(lambda text: "".join(
            one + "\n" for one in text.splitlines() if word not in one.split()))


def test_a_new_head_has_nodes_that_may_take_jobs_and_folders_as_torque_wants_them(head):
    nodes = head.nodes()
    assert set(nodes) == {"q-compute-1", "q-compute-2"}
    assert head.offline() == set(), "a node that was just made is offline until it is cleared"
    modes = {name: stat.S_IMODE((HOME / name).stat().st_mode)
             for name in ("spool", "undelivered", "server_priv", "sched_priv")}
    assert modes == {"spool": 0o1777, "undelivered": 0o1777, "server_priv": 0o750,
                     "sched_priv": 0o750}
    assert head.script("head-check") == (0, "")


def test_a_second_start_changes_nothing(head):
    before = [head.pid(daemon) for daemon in DAEMONS], head.nodes()
    assert head.script("head-start") == (0, "")
    assert ([head.pid(daemon) for daemon in DAEMONS], head.nodes()) == before


@pytest.mark.parametrize("daemon", DAEMONS)
def test_a_daemon_that_was_killed_fails_the_check_and_a_start_brings_it_and_keeps_the_queue(
        head, daemon):
    job = send_job(head)
    head.run(f"kill -9 $(pidof {daemon})")  # One that it forked may be gone by itself meanwhile.
    wait_until(lambda: not head.pid(daemon), 10, f"{daemon} is gone")
    status, said = head.script("head-check")
    assert status == 1 and said == f"{daemon} is not running\n"
    assert head.script("head-start") == (0, "")
    assert head.script("head-check") == (0, "")
    assert f"{job}.q-head-1 Q" in head.run("qstat")[1], "`-t create` would have wiped it"


def test_a_setup_that_was_interrupted_is_done_again(head):
    assert head.run("qmgr -c 'set queue batch started = false'")[0] == 0
    assert head.script("head-start") == (0, "")
    assert "batch started false" in (HOME / "server_priv/serverdb").read_text(encoding="utf-8"), \
        "what an administrator stopped is not started"
    (HOME / "server_priv" / "cierzo.setting-up").touch()
    assert head.script("head-start") == (0, "")
    assert "batch started true" in (HOME / "server_priv/serverdb").read_text(encoding="utf-8")


def test_a_creation_of_a_node_that_was_interrupted_is_finished(head):
    assert head.run("pbsnodes -o q-compute-1")[0] == 0
    (HOME / "server_priv" / "cierzo.new.q-compute-1").touch()
    assert head.script("head-start") == (0, "")
    assert head.offline() == set()


def test_a_node_whose_creation_was_interrupted_may_take_itself_offline(head):
    database = HOME / "server_priv" / "serverdb"
    operators = re.compile(r"^server operators .*$", re.MULTILINE)
    assert head.run("qmgr -c 'set server operators = root@q-head-1'")[0] == 0
    assert head.script("head-start") == (0, "")
    text = operators.search(database.read_text(encoding="utf-8")).group()
    assert set(text.split()[2:]) == {"root@q-head-1", "root@q-compute-1", "root@q-compute-2"}
    assert head.script("head-start") == (0, "")
    assert operators.search(database.read_text(encoding="utf-8")).group() == text, "added once"


def leave(head, node):
    """What the head is told when a node is not wanted any more, and has had its time."""
    return head.script("compute-leave", CIERZO_MEMBER_NAME=node)


def join(head, node):
    """What the head is told when a node serves."""
    return head.script("compute-join", CIERZO_MEMBER_NAME=node)


def test_a_node_that_is_wanted_no_more_is_kept_until_it_leaves(head):
    assert head.script("head-start", CIERZO_NAMES_COMPUTE="q-compute-2") == (0, "")
    assert set(head.nodes()) == {"q-compute-1", "q-compute-2"}, "it may have to end a job"
    assert leave(head, "q-compute-1") == (0, "")
    assert set(head.nodes()) == {"q-compute-2"}
    assert leave(head, "q-compute-1") == (0, ""), "told again, it has left already"
    status, said = join(head, "q-compute-1")
    assert status == 1 and "does not know the node q-compute-1" in said
    assert head.script("head-start") == (0, "")
    assert head.offline() == set(), "wanted again, it is a new one"
    assert join(head, "q-compute-1") == (0, "")


def test_a_node_that_never_joined_is_deleted_unless_it_has_a_job(head):
    wanted = {"CIERZO_NAMES_COMPUTE": "q-compute-1 q-compute-2 q-compute-3"}
    assert head.script("head-start", **wanted) == (0, "")
    with job_on(head, "q-compute-3"):
        assert head.script("head-start") == (0, "")
        assert "q-compute-3" in head.offline()
    assert head.script("head-start", **wanted) == (0, "")
    assert head.offline() == set(), "wanted again"
    assert head.script("head-start") == (0, "")
    assert set(head.nodes()) == {"q-compute-1", "q-compute-2"}


def test_a_node_that_was_lost_while_it_drained_takes_jobs_again_when_it_is_replaced(head):
    assert head.run("pbsnodes -o -N 'disk is slow' q-compute-2")[0] == 0
    for node in ("q-compute-1", "q-compute-2"):
        assert head.script("compute-drain", CIERZO_NAME=node) == (0, "")
        assert join(head, node) == (0, "")
    assert head.offline() == {"q-compute-2"}, "what an administrator took offline is his"
    assert head.run("pbsnodes -c -N '' q-compute-2")[0] == 0


def test_the_last_node_leaves(head):
    for node in ("q-compute-1", "q-compute-2"):
        assert leave(head, node) == (0, "")
    assert head.nodes() == {}
    assert head.script("head-start", CIERZO_NAMES_COMPUTE="") == (0, "")
    assert head.script("head-start") == (0, "")


def test_a_node_that_is_lost_leaves_and_its_jobs_wait_for_another(head):
    # Nobody answers at the node's address: its machine is gone.
    with job_on(head, "q-compute-1"), job_on(head, "q-compute-1", ident="901.q-head-1", rerunable="n"):
        assert leave(head, "q-compute-1") == (0, "")
        assert set(head.nodes()) == {"q-compute-2"}
        jobs = head.run("qstat")[1].splitlines()
        assert "900.q-head-1 Q" in jobs
        assert not [line for line in jobs if line.startswith("901.")], "it must not run twice"
    assert head.script("head-start") == (0, "")


@pytest.mark.parametrize("answer", ["echo 'cannot connect' >&2; exit 1", "exit 0"])
def test_a_node_has_not_left_a_head_that_does_not_say_which_it_has(head, answer):
    with broken(head, "pbsnodes", f"[ $1 != -x ] || {{ {answer}; }}; exec $real \"$@\""):
        assert leave(head, "q-compute-1")[0] == 1
    assert "q-compute-1" in head.nodes()


def test_a_drain_answers_at_once_and_ends_when_no_job_is_left(head):
    with job_on(head, "q-compute-1"):
        for _ in range(2):
            assert head.script("compute-drain", CIERZO_NAME="q-compute-1") == (
                1, "its jobs have not ended: 900.q-head-1\n")
        assert head.offline() == {"q-compute-1"}
    assert head.script("compute-drain", CIERZO_NAME="q-compute-1") == (0, "")
    assert head.script("head-start") == (0, ""), "wanted again"
    assert head.offline() == set()


def test_a_drained_node_that_is_wanted_again_takes_its_mark_back_itself(head):
    """The head was started before the last run of the drain had ended."""
    with job_on(head, "q-compute-1"):
        assert head.script("compute-drain", CIERZO_NAME="q-compute-1")[0] == 1
        with pbs_mom(head):
            assert head.script("compute-start", CIERZO_NAME="q-compute-1",
                               CIERZO_NAMES_HEAD="q-head-1") == (0, "")
            assert head.offline() == set()
            assert head.run("pbsnodes -o -N 'disk is slow' q-compute-1")[0] == 0
            assert head.script("compute-drain", CIERZO_NAME="q-compute-1")[0] == 1
            assert head.script("compute-start", CIERZO_NAME="q-compute-1",
                               CIERZO_NAMES_HEAD="q-head-1") == (0, "")
            assert head.offline() == {"q-compute-1"}, "what an administrator took offline is his"
    assert head.run("pbsnodes -c -N '' q-compute-1")[0] == 0


def test_a_node_that_the_head_does_not_know_has_drained_when_it_has_no_job_itself(head):
    def drain(said):
        # One that takes it offline and does not know it: it was deleted between the two.
        with broken(head, "pbsnodes", f"[ $1 != -x ] || {said}"):
            return head.script("compute-drain", CIERZO_NAME="q-compute-1")
    others = "echo '<Data><Node><name>q-compute-2</name></Node></Data>'"
    none = "{ echo 'Server has no node list' >&2; exit 1; }"
    for said in (others, none):
        assert drain(said) == (0, "")
    assert drain("echo") == (1, "pbsnodes -x does not say which nodes the head has: \n")
    assert drain("{ echo 'cannot connect' >&2; exit 1; }") == (1, "pbsnodes: cannot connect\n")
    job = HOME / "mom_priv" / "jobs" / "7.q-head-1.JB"
    job.touch()
    for said in (others, none):
        status, text = drain(said)
        assert status == 1 and "does not know the node q-compute-1" in text and job.name in text
    job.unlink()


@pytest.mark.parametrize("answer", ["echo 'cannot connect' >&2; exit 1", "exit 0"])
def test_a_head_that_does_not_say_which_nodes_it_has_is_no_head_without_nodes(head, answer):
    before = head.nodes()
    with broken(head, "pbsnodes", f"[ $1 != -x ] || {{ {answer}; }}; exec $real \"$@\""):
        status, said = head.script("head-start", CIERZO_NAMES_COMPUTE="q-compute-2")
    assert status == 1 and "pbsnodes -x does not say which nodes there are" in said
    assert head.nodes() == before


def test_what_an_administrator_took_offline_stays_so_and_what_we_drained_does_not(head):
    assert head.run("pbsnodes -o -N 'disk is slow' q-compute-1")[0] == 0
    for node in ("q-compute-1", "q-compute-2"):
        assert head.script("compute-drain", CIERZO_NAME=node) == (0, "")
    assert head.offline() == {"q-compute-1", "q-compute-2"}
    assert "<note>disk is slow</note>" in head.run("pbsnodes -x")[1]
    assert head.script("head-start") == (0, "")
    assert head.offline() == {"q-compute-1"}
    assert head.run("pbsnodes -c -N '' q-compute-1")[0] == 0


def test_nodes_and_slots_follow_the_manifest_and_nodes_of_others_are_left_alone(head):
    assert head.run("qmgr -c 'create node localhost'")[0] == 0
    assert head.script("head-start", CIERZO_NAMES_COMPUTE="q-compute-2 q-compute-3",
                       CIERZO_ATTRIBUTE_NODE_SLOTS="4") == (0, "")
    assert leave(head, "q-compute-1") == (0, "")
    assert {name: np for name, (_, np) in head.nodes().items()} == {
        "q-compute-2": 4, "q-compute-3": 4, "localhost": 1}
    assert head.script("head-start") == (0, "")


def test_a_command_that_the_server_refuses_is_told_with_its_reason(head):
    head.run("kill -9 $(pidof pbs_sched)")
    wait_until(lambda: not head.pid("pbs_sched"), 10, "pbs_sched is gone")
    assert head.run("qmgr -c 'delete node q-compute-2'")[0] == 0
    status, said = head.script("head-start",
                               CIERZO_NAMES_COMPUTE="nobody-knows-it q-compute-1 q-compute-2")
    assert status == 1
    assert "qmgr refuses 'create node nobody-knows-it np=1'" in said
    assert "cannot resolve name" in said
    assert "q-compute-2" in head.nodes(), "the others are made"
    assert head.script("head-check") == (0, ""), "and take jobs"


def test_a_head_that_is_stopped_keeps_its_queue(head):
    job = send_job(head)
    assert head.script("head-stop") == (0, "")
    assert [head.pid(daemon) for daemon in DAEMONS] == [0, 0, 0]
    assert head.script("head-stop") == (0, ""), "stopping what does not run is success"
    assert head.script("head-start") == (0, "")
    assert f"{job}.q-head-1 Q" in head.run("qstat")[1]
