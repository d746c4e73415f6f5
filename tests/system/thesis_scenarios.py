"""The thesis' acceptance run, the same for each of its types (test_thesis_*.py): the five scenarios
that it has for all of them, and every daemon killed, and what watches it.

Numbers are the thesis' own. One site lives through them in this order: the manifest as it stands,
applied outside its pool (4), machines powered off (1, 2); then with all hosts in its pool, applied
at one of them (5), on two of which and more each daemon is killed; the leader's host without power
(3); and what watches the daemons is killed.

In the thesis a god watched each daemon, in the machine of that daemon. Here it is the checks that
the agent makes through the guest agent of that machine: killed is the guest agent. That the
watching has come back is shown by the daemons, which are killed at the same moment.

"It serves" is what a user of the service sees, never what our own status says.
"""

import time

from bed import thesis
from bed.guest import Machine
from bed.waiting import Timeout

SECONDS = 240  # Longer than anything here takes: emulated guests on two busy cores.


# What the thesis says that each took. Starts and stops it measured, on KVM, of machines that were up
# already; recovery follows from its runs of Puppet every 30 minutes; god looked every 30 s.
THESIS = {"start": "74-76 s", "stop": "15 s", "machine": "30-60 min", "leader": "90 min",
          "daemon": "30 s", "watcher": "30 min"}


class Table:
    """How long each scenario took, for the end of the module."""

    def __init__(self):
        self.rows = []

    def add(self, scenario, seconds, kind):
        """`kind`: a key of THESIS."""
        self.rows.append((scenario, seconds, THESIS[kind]))

    def show(self, config, title):
        """Prints it on pytest's terminal, also where output is captured."""
        terminal = config.pluginmanager.getplugin("terminalreporter")
        with config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
            terminal.write_line(f"\n{title}: from the cut (or `apply`) until its users are served")
            terminal.write_line(f"  {'':<46} {'here':>8}   the thesis")
            for scenario, seconds, thesis in self.rows:
                terminal.write_line(f"  {scenario:<46} {seconds:6.1f} s   {thesis}")


class Day:
    """A site and the one resource of it that a scenario is about.

    `serves(day)` is true when the whole service answers as its users see it. `victims` are two of
    its machines whose loss a user notices. `daemons`: (machine, daemon) as `pids` takes them.
    """

    def __init__(self, site, folder, manifest, name, instances, victims, serves, daemons):
        self.site, self.folder, self.manifest, self.name = site, folder, manifest, name
        self.instances, self.victims, self._serves = set(instances), victims, serves
        self.daemons = daemons
        self.table = Table()

    def machines(self):
        """Instance -> (host, the domain's UUID), of what the hypervisors say that they run."""
        found = {}
        for host in self.site.hosts:
            if not host.powered:
                continue
            for name in host.virsh("list", "--name").split():
                assert name not in found, f"{name} runs twice: {found[name][0].name}, {host.name}"
                found[name] = (host, host.virsh("domuuid", name).strip())
        return found

    def machine(self, name):
        """The machine of an instance, for a look inside."""
        return Machine(self.machines()[name][0], name)

    def leader_with_machines(self):
        """The leader, which is made to change where its host runs nothing that could be lost."""
        used = {host for host, _ in self.machines().values()}
        idle = self.site.leader()
        if idle in used:
            return idle
        idle.stop("agentd")
        leader = self.site.wait_until(lambda: self.site.leader() in used and self.site.leader(), 30,
                                      "a host with machines leads")
        self.site.start_agent(idle)
        self.site.wait_until(
            lambda: all(row["state"] == "alive" for row in self.site.status()["hosts"]), 30,
            "all hosts are alive")
        return leader

    def serves_with(self, before, gone):
        """True when all machines run, those in `gone` as others than `before`, and it serves."""
        now = self.machines()
        return (set(now) == self.instances and self._serves(self)
                and all(now[name] != before[name] for name in gone))

    def starts(self, scenario, host, manifest):
        """Applies at a host, waits until it serves and notes the seconds."""
        since = time.monotonic()
        self.site.agentctl(host, "apply", manifest, seconds=SECONDS)
        self.site.wait_until(lambda: self.serves_with({}, []), SECONDS, scenario, poll=0.2)
        self.table.add(scenario, time.monotonic() - since, "start")

    def pids(self, machine, daemon):
        """The processes of a daemon in a machine. `daemon`: a name, or a command that prints them."""
        command = daemon if " " in daemon else f"pidof {daemon}"
        return set(self.machine(machine).shell(command, seconds=5)[1].split())

    def runs(self, machine, victims):
        """Victim -> its processes; None where the guest agent does not tell of them in time: it is
        slow, or was killed with the question.
        """
        try:
            return {victim: self.pids(machine, victim) for victim in victims}
        except (Timeout, OSError, ValueError, LookupError, RuntimeError):
            return None

    def kills(self, scenario, machine, victims, kind):
        """Kills all processes of all `victims` in a machine at one moment; waits until others run
        in their place and it serves, on the same machines. Notes the seconds.
        """
        machines = self.machines()
        before = self.site.wait_until(lambda: self.runs(machine, victims), SECONDS,
                                      f"{machine} tells what runs")
        assert all(before.values()), f"not running: {before}"
        doomed = " ".join(pid for pids in before.values() for pid in sorted(pids))
        since = time.monotonic()

        ordered = False

        def killed():
            # Where no answer came it may have been done all the same: what is seen decides, and
            # what is not seen is waited for.
            nonlocal ordered
            if ordered:
                now = self.runs(machine, victims)
                if now is None or all(not now[victim] & before[victim] for victim in victims):
                    return now is not None
            ordered = True
            # Not before the guest agent has answered: it may be among them.
            self.machine(machine).agent("guest-exec", path="/bin/sh",
                                        arg=["-c", f"(sleep 0.3; kill -9 {doomed}) &"])
            return True
        self.site.wait_until(killed, SECONDS, f"{scenario}: the order to kill is taken", poll=1)

        def healed():
            now = self.runs(machine, victims)
            if now is None:
                return False
            return all(now[victim] and not now[victim] & before[victim] for victim in victims)
        self.site.wait_until(healed, SECONDS, f"{scenario}: others run", poll=0.2)
        self.site.wait_until(lambda: self.serves_with({}, []), SECONDS, scenario, poll=0.2)
        self.table.add(scenario, time.monotonic() - since, kind)
        assert self.machines() == machines, "it was healed in its machine, which was not replaced"

    def recovers(self, scenario, before, gone, since, kind="machine"):
        """Waits until it serves again and notes the seconds since `since`."""
        self.site.wait_until(lambda: self.serves_with(before, gone), SECONDS, scenario, poll=0.2)
        self.table.add(scenario, time.monotonic() - since, kind)
        now = self.machines()
        untouched = self.instances - set(gone)
        assert {name: now[name] for name in untouched} == {
            name: before[name] for name in untouched}, "what was not lost was left alone"


def called(daemon):
    """What the table calls a daemon."""
    return daemon.rpartition("# ")[2]


class CommonScenarios:
    """What every type does. The fixture `day` is the test module's."""

    def test_4_applied_as_it_stands_at_a_host_outside_the_pool_the_pool_does_the_work(self, day):
        site = day.site
        leader = site.leader()
        outside = next(host for host in site.hosts[1:] if host is not leader)
        day.starts("4 applied as it stands outside the pool", outside,
                   thesis.MANIFESTS / day.manifest)
        assert {host.name for host, _ in day.machines().values()} == {site.host(1).name}

    def test_1_machines_that_are_powered_off_are_replaced(self, day):
        before = day.machines()
        inside, outside = day.victims
        since = time.monotonic()
        day.machine(inside).agent("guest-exec", path="/bin/sh", arg=["-c", "poweroff"])
        before[outside][0].virsh("destroy", outside)
        day.recovers("1 powered off, one inside, one from outside", before, day.victims, since)

    def test_2_a_machine_that_is_a_replacement_is_replaced_again(self, day):
        before = day.machines()
        victim = day.victims[0]
        since = time.monotonic()
        before[victim][0].virsh("destroy", victim)
        day.recovers("2 a replacement powered off", before, [victim], since)

    def test_5_applied_at_a_host_in_the_pool_it_runs_on_more_than_one(self, day):
        site = day.site
        if day.machines():  # None where only this test and the next are run.
            since = time.monotonic()
            site.agentctl(site.host(3), "delete", "--yes", day.name, seconds=SECONDS)
            day.table.add("  stopped and deleted", time.monotonic() - since, "stop")
        assert day.machines() == {}
        day.starts("5 applied in the pool", site.host(2),
                   thesis.widened(day.manifest, day.folder))
        # Those of one role are spread; of different roles, the pool's order is kept.
        assert len({host for host, _ in day.machines().values()}) > 1

    def test_each_daemon_that_is_killed_is_started_again(self, day):
        for machine, daemon in day.daemons:
            day.kills(f"{called(daemon)} killed", machine, [daemon], "daemon")

    def test_3_the_leaders_host_loses_power_another_leads_and_replaces(self, day):
        site = day.site
        before = day.machines()
        leader = day.leader_with_machines()
        lost = [name for name, (host, _) in before.items() if host is leader]
        since = leader.power_cut()
        day.recovers("3 the leader's host without power", before, lost, since, "leader")
        assert site.leader() is not leader

    def test_what_watches_a_machine_is_killed_with_all_its_daemons_and_all_come_back(self, day):
        for machine in dict.fromkeys(machine for machine, _ in day.daemons):
            daemons = [daemon for other, daemon in day.daemons if other == machine]
            names = ", ".join(called(daemon) for daemon in daemons)
            day.kills(f"{names}, their watcher", machine, [*daemons, "qemu-ga"], "watcher")
