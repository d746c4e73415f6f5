"""What the tests of batch systems share, and the scenarios that all of them live through.

A job is a shell script that an ordinary user (`worker`) sends from the head. It writes into files
of the node that runs it, and lasts until it is let go: no test depends on how quick a machine is.
"""

import time

from bed.toys import instances
from declared import Declared


class Cluster(Declared):
    """The cluster `queue` of a head and two compute nodes: 10.77.3.10, 11 and 12.

    A system says: `client`, which sets up a shell for its commands; `daemons`, as (role, name);
    `idle`, `busy`, `drained` and `draining`, the states of a node; `disable` and `enable`, an
    administrator's commands for the first node; `kind`, its type; `start`, that of a node.
    """

    client = ""

    def head(self, command):
        """What a command prints in the head; RuntimeError when it fails."""
        status, said = self.machine("head").shell(f"{self.client} {command}", seconds=120)
        if status != 0:
            raise RuntimeError(f"{command}: exit {status}: {said}")
        return said

    def send(self, word, node=None, waits=True):
        """Sends a job called `word`; it writes WORD.began, waits for WORD.go, writes WORD.done."""
        wait = f"until [ -e /tmp/{word}.go ]; do sleep 0.5; done; " if waits else ""
        text = (f"echo $$ > /tmp/{word}.began; {wait}hostname > /tmp/{word}.done")
        file = f"/tmp/{word}.sh"
        self.head(f"printf '%s\\n' '#!/bin/sh' '{text}' > {file}; chmod 755 {file}")
        self.head(f"su worker -c 'cd /tmp; {self.client} {self.submit(word, file, node)}'")

    def submit(self, word, file, node):
        """The command that sends a job's script."""
        raise NotImplementedError

    def nodes(self):
        """Node -> its state, as the system says."""
        raise NotImplementedError

    def jobs(self):
        """Job -> "runs" or "waits", as the system says."""
        raise NotImplementedError

    def kept(self):
        """A command in the head that waits until what was told after /tmp/sent is on its disk: where
        that is so before a system answers, none.
        """
        return "true"

    def attributes(self):
        """The environment of the manifest's own attributes, for scripts."""
        return {}

    def run(self, script, number):
        """Runs a script of the type in a compute node as its agent does."""
        return self.script(
            self.machine("compute", number), self.kind, script, CIERZO_ROLE="compute",
            CIERZO_RESOURCE="queue", CIERZO_NAMES_HEAD="queue-head-1",
            CIERZO_ADDRESSES_HEAD="10.77.3.10", CIERZO_NAMES_COMPUTE="queue-compute-1",
            CIERZO_ADDRESSES_COMPUTE="10.77.3.11", **self.attributes())

    def scale(self, count):
        """Wants so many nodes; nobody waits for them."""
        self.site.agentctl(self.site.leader(), "scale", self.name, f"compute={count}", "--no-wait")

    def drains(self):
        """True while the second node is asked to finish, and says what it waits for."""
        row = instances(self.site, self.name).get(f"{self.name}-compute-2")
        return row and row["state"] == "draining" and "its jobs have not ended" in row["reason"]

    def process(self, word, number):
        """The process of a job that waits on a compute node; empty when there is none."""
        status, said = self.machine("compute", number).shell(
            f"pid=$(cat /tmp/{word}.began) && kill -0 $pid && echo $pid")
        return said.strip() if status == 0 else ""

    def let_go(self, word, number):
        """Lets a job end."""
        assert self.machine("compute", number).shell(f"touch /tmp/{word}.go")[0] == 0

    def end(self, word, number):
        """Lets a job end, and waits until it has, also as the system says: an execd that was killed
        meanwhile may have it run a second time. Names of jobs may be cut there.
        """
        self.let_go(word, number)
        self.wait(lambda: self.done(word, number), f"the job {word} ends")
        self.wait(lambda: not any(word.startswith(job) for job in self.jobs()), f"{word} has ended")

    def done(self, word, number):
        """True when the job has ended on that node."""
        said = self.machine("compute", number).shell(f"cat /tmp/{word}.done")[1]
        return said.strip() == f"{self.name}-compute-{number}"


def made(system, site, folder, config):
    """A generator for a fixture: the cluster, both its nodes idle; its figures at the end."""
    queue = system(site, folder, "queue")
    site.start_agents()
    since = time.monotonic()
    queue.declare("10.77.3.11-10.77.3.12")
    queue.wait(lambda: list(queue.nodes().values()) == [queue.idle] * 2, "both nodes are idle")
    queue.rows.append(f"from apply to two idle nodes: {time.monotonic() - since:.1f} s")
    yield queue
    queue.show(config, queue.kind)


class Scenarios:
    """What every batch system does. The fixture `queue` is the test module's."""

    def test_jobs_run_on_the_nodes_they_are_sent_to(self, queue):
        for number in (1, 2):
            queue.send(f"first{number}", f"queue-compute-{number}", waits=False)
        for number in (1, 2):
            queue.wait(lambda: queue.done(f"first{number}", number), f"the job of node {number} ran")

    def test_daemons_that_are_killed_are_started_again_and_jobs_run_on(self, queue):
        for role, daemon in queue.daemons:
            self.kill(queue, role, daemon)

    @staticmethod
    def kill(queue, role, daemon):
        queue.send(f"kept-{daemon}", "queue-compute-1")
        running = queue.wait(lambda: queue.process(f"kept-{daemon}", 1), "the job runs")
        machine = queue.machine(role)
        old = machine.shell(f"pidof {daemon}")[1].strip()
        since = time.monotonic()
        assert machine.shell(f"kill -9 {old}")[0] == 0
        queue.wait(lambda: machine.shell(f"pidof {daemon}")[1].strip() not in ("", old),
                   f"another {daemon} runs")
        queue.rows.append(f"{daemon} killed, until another runs: {time.monotonic() - since:.1f} s")
        queue.wait(lambda: queue.nodes()["queue-compute-1"] == queue.busy, "the head knows the job")
        assert queue.process(f"kept-{daemon}", 1) == running, "the job was not disturbed"
        queue.end(f"kept-{daemon}", 1)

    def test_a_node_that_dies_costs_the_other_nothing_and_its_job_runs_again(self, queue):
        for number in (1, 2):
            queue.send(f"dies{number}", f"queue-compute-{number}")
        running = queue.wait(lambda: queue.process("dies2", 2), "the second job runs")
        queue.wait(lambda: queue.process("dies1", 1), "the first job runs")
        since = time.monotonic()
        queue.machine("compute", 1).host.virsh("destroy", "queue-compute-1")
        queue.wait(lambda: queue.process("dies1", 1), "its job runs again, on the new machine")
        queue.rows.append(f"node killed, until its job runs again: {time.monotonic() - since:.1f} s")
        assert queue.process("dies2", 2) == running, "the job on the other node ran on"
        for number in (1, 2):
            queue.end(f"dies{number}", number)

    def test_a_node_that_is_scaled_away_ends_its_job_first(self, queue):
        for number in (1, 2):
            queue.send(f"long{number}", f"queue-compute-{number}")
            queue.wait(lambda: queue.process(f"long{number}", number), "the job runs")
        other, last = queue.process("long1", 1), queue.process("long2", 2)
        queue.scale(1)
        queue.wait(queue.drains, "its job is waited for")
        queue.wait(lambda: queue.nodes()["queue-compute-2"] == queue.draining, "it takes no others")

        # Somebody has another mind before it is gone.
        queue.scale(2)
        queue.wait(lambda: queue.nodes()["queue-compute-2"] == queue.busy, "it is back in service")
        assert queue.process("long2", 2) == last, "its job ran on"
        queue.scale(1)
        queue.wait(queue.drains, "its job is waited for")
        assert queue.process("long2", 2) == last
        queue.end("long2", 2)
        since = time.monotonic()
        queue.wait(lambda: queue.gone("compute", 2), "its machine is gone")
        queue.rows.append("node scaled away, from its job's end until its machine is gone: "
                          f"{time.monotonic() - since:.1f} s")
        assert list(queue.nodes()) == ["queue-compute-1"], "the head has it no more"
        assert queue.process("long1", 1) == other, "the job on the other node ran on"
        queue.end("long1", 1)

    def test_a_node_comes_and_jobs_run_on(self, queue):
        queue.send("stays", "queue-compute-1")
        running = queue.wait(lambda: queue.process("stays", 1), "the job runs")
        since = time.monotonic()
        queue.scale(2)
        queue.wait(lambda: queue.nodes().get("queue-compute-2") == queue.idle, "the node is idle")
        queue.rows.append(f"node added, until it is idle: {time.monotonic() - since:.1f} s")
        queue.send("second", "queue-compute-2", waits=False)
        queue.wait(lambda: queue.done("second", 2), "the node runs a job")
        assert queue.process("stays", 1) == running
        queue.end("stays", 1)

    def test_the_heads_machine_is_reset_and_the_queue_is_not_lost(self, queue):
        for number in (1, 2):
            queue.send(f"runs{number}", f"queue-compute-{number}")
            queue.wait(lambda: queue.process(f"runs{number}", number), "the job runs")
        queue.head("touch /tmp/sent")
        queue.send("waits", "queue-compute-1", waits=False)
        wanted = {"runs1": "runs", "runs2": "runs", "waits": "waits"}
        queue.wait(lambda: queue.jobs() == wanted, "two jobs run, one waits")
        queue.head(queue.kept())
        since = time.monotonic()
        queue.machine("head").host.virsh("reset", "queue-head-1")
        queue.wait(lambda: queue.machine("head").shell("[ -e /tmp/sent ]")[0] == 1, "it booted")
        queue.wait(lambda: queue.jobs() == wanted, "the queue is as it was")
        queue.rows.append(f"head reset, until its queue is there: {time.monotonic() - since:.1f} s")
        for number in (1, 2):
            queue.end(f"runs{number}", number)
        queue.wait(lambda: queue.done("waits", 1), "the job that waited has run")

    def test_a_node_that_is_lost_for_good_leaves_and_its_job_runs_on_another(self, queue):
        queue.send("first", "queue-compute-1")
        running = queue.wait(lambda: queue.process("first", 1), "the first node is busy")
        queue.send("lost")
        queue.wait(lambda: queue.process("lost", 2), "the job runs on the second")
        queue.scale(1)
        queue.wait(queue.drains, "its job is waited for")
        since = time.monotonic()
        queue.machine("compute", 2).host.virsh("destroy", "queue-compute-2")
        queue.wait(lambda: list(queue.nodes()) == ["queue-compute-1"], "the head has it no more")
        queue.rows.append("node killed while it drained, until the head has it no more: "
                          f"{time.monotonic() - since:.1f} s")
        assert queue.process("first", 1) == running
        queue.let_go("first", 1)
        queue.wait(lambda: queue.process("lost", 1), "its job runs on the other")
        queue.end("lost", 1)

    def test_a_node_that_an_administrator_took_out_stays_out(self, queue):
        queue.head(queue.disable)
        for script in ("compute-drain", queue.start):
            assert queue.run(script, 1) == (0, "")
            assert queue.nodes()["queue-compute-1"] == queue.drained
        queue.head(queue.enable)
        queue.wait(lambda: queue.nodes()["queue-compute-1"] == queue.idle, "it is in service")
