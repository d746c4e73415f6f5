"""Hosts that are lost: what time proves, what an administrator's word proves, and the brake.

Two voters of three outlive everything here, so that somebody always leads. Of four hosts one is less
than the site's brake allows, and two are more.
"""

import json
import pathlib
import time

import pytest

from bed import enclosure, site as bed_site
from bed.machines import Watch, hypervisors, hypervisors_of
from bed.site import REPOSITORY
from bed.toys import TYPES, apply, instances, manifest, refused, settled, shared_image

SECRET = "sesame-of-the-fence"
PERMIT, GUARD, DESTROY_AFTER, KILL = 2.0, 0.05, 5.0, 1.0  # Seconds: the defaults.


class Controller:
    """What bed/fence_bed asks to cut a host's power: in the place of a management controller."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        (folder / "secret").write_text(SECRET + "\n", encoding="utf-8")

    def device(self, plug):
        """The `fence` of a host, in YAML."""
        program = REPOSITORY / "tests" / "system" / "bed" / "fence_bed"
        return (f"{{agent: {program}, options: {{ip: {self.folder}, plug: {plug}, "
                f"passwd_file: {self.folder}/secret}}}}")

    def asked(self, plug):
        """The actions it was asked for."""
        file = self.folder / f"{plug}.asked"
        return file.read_text(encoding="utf-8").split() if file.exists() else []

    def cut(self, host):
        """Cuts the power as it was asked to, and says so."""
        host.power_cut()
        (self.folder / f"{host.name}.off").touch()


@pytest.fixture(scope="module")
def site():
    """Four hosts, three voters; more than 40 % of them away pull the brake. node3 can be fenced."""
    folder = enclosure.scratch() / "controller"
    controller = Controller(folder)
    with bed_site.Site(hosts=4, voters=3, types=[TYPES], settings="recovery: {brake: 40%}",
                       fences={3: controller.device("node3")}) as made:
        made.controller = controller
        made.start_agents()
        others = ["node4", "node1", "node2"]
        text = (manifest("bare", "own", {"node": "10.77.30.1"}, pool=others)
                + manifest("plain", "iso", {"node": "10.77.30.11"}, on_isolation="ignore",
                           pool=others)
                + manifest("box", "common", {"box": "10.77.30.21"}, disk="shared",
                           image=shared_image(made), pool=others))
        apply(made, made.leader(), text)
        yield made


def events(site, kind):
    return [event["message"] for event in site.events(site.leader()) if event["kind"] == kind]


def host_row(site, name):
    return next(row for row in site.status()["hosts"] if row["name"] == name)


def confirm(site, *names):
    return json.loads(site.agentctl(site.leader(), "--output", "json", "confirm-lost", "--yes",
                                    *names))


def test_each_disk_and_isolation_waits_for_its_own_proof(site):
    victim = site.host(4)
    assert set(hypervisors_of(victim)) == {"own-node-1", "iso-node-1", "common-box-1"}
    with Watch() as watch:
        cut_at = victim.power_cut()
        # Its own disk: as soon as the permit has ended.
        site.wait_until(lambda: "own-node-1" in hypervisors(), 20, "own is started elsewhere")
        assert "common-box-1" not in hypervisors(), "whoever had its disk may still write"
        assert host_row(site, "node4")["lost_proof"] == "permit-ended"
        reason = instances(site, "common")["common-box-1"]["reason"]
        assert "may not have let go of its shared disk yet" in reason
        # The shared disk: once its host must have killed what it paused.
        site.wait_until(lambda: "common-box-1" in hypervisors(), 30, "common is started elsewhere")
        # Counted from the cut: the last permit began up to a heartbeat earlier.
        assert time.monotonic() - cut_at > PERMIT + GUARD + DESTROY_AFTER + KILL - 0.2
        assert host_row(site, "node4")["lost_proof"] == "disks-released"
        # What runs on when isolated: never by time.
        row = instances(site, "iso")["iso-node-1"]
        assert row["state"] == "unknown" and "agentctl confirm-lost node4" in row["reason"], row
        assert "iso-node-1" not in hypervisors()
        assert watch.doubles == []


def test_confirm_lost_asks_refuses_and_frees(site):
    leader = site.leader()
    failed = refused(site, leader, "confirm-lost", "--yes", "node4", leader.name)
    assert failed.status == 2 and f"{leader.name}: is alive" in failed.errors
    failed = refused(site, leader, "confirm-lost", "node4")  # No terminal to ask on.
    assert "confirm-lost --yes node4\n" in failed.errors and "run twice" in failed.errors
    assert "start iso-node-1" in failed.errors, "it says what will be started"
    assert "iso-node-1" not in hypervisors(), "so far it was only asked"
    told = confirm(site, "node4")
    assert told["hosts"] == [{"name": "node4", "change": "confirmed"}]
    assert [row["instance"] for row in told["actions"]] == ["iso-node-1"]
    site.wait_until(lambda: "iso-node-1" in hypervisors(), 20, "iso is started elsewhere")
    row = host_row(site, "node4")
    assert (row["state"], row["lost_proof"]) == ("lost", "confirmed")
    assert confirm(site, "node4")["hosts"] == [{"name": "node4", "change": "unchanged"}]


def test_the_next_leader_knows_what_was_confirmed(site):
    before = site.leader()
    site.restart_agent(before)
    leader = site.leader()
    site.wait_until(lambda: host_row(site, "node4")["state"] == "lost", 20, "node4 is lost")
    assert host_row(site, "node4")["lost_proof"] == "confirmed", leader.name


def test_a_host_that_returns_is_no_longer_confirmed_lost(site):
    elsewhere = hypervisors()
    with Watch() as watch:
        site.boot(site.host(4))
        site.wait_until(lambda: host_row(site, "node4")["state"] == "alive", 30, "node4 is back")
        assert host_row(site, "node4")["lost_proof"] == ""
        assert any("node4" in text and "taken back" in text for text in events(site, "host"))
        for name in ("own", "iso", "common"):
            settled(site, name, "running")
        assert hypervisors() == elsewhere and watch.doubles == []
    # It can be lost, and confirmed, anew.
    failed = refused(site, site.leader(), "confirm-lost", "--yes", "node4")
    assert "node4: is alive" in failed.errors


def test_with_two_of_four_hosts_away_nothing_is_replaced_until_they_are_confirmed(site):
    text = manifest("bare", "many", {"node": "10.77.30.41-10.77.30.42"},
                    pool=["node3", "node4"])
    apply(site, site.leader(), text)
    wide = manifest("bare", "many", {"node": "10.77.30.41-10.77.30.42"})
    apply(site, site.leader(), wide)
    gone = set(hypervisors_of(site.host(3))) | set(hypervisors_of(site.host(4)))
    assert {"many-node-1", "many-node-2"} <= gone
    with Watch() as watch:
        site.host(3).power_cut()
        site.host(4).power_cut()
        site.wait_until(lambda: site.status()["brake"], 30, "the brake is on")
        view = site.status()
        assert view["brake"] == ("brake: 2 of 4 hosts lost or suspect; agentctl confirm-lost node3 "
                                 "node4 if they are really down")
        site.wait_until(lambda: all(host_row(site, name)["state"] == "lost"
                                    for name in ("node3", "node4")), 20, "both are lost")
        for name in ("many-node-1", "many-node-2"):
            assert instances(site, "many")[name]["reason"] == view["brake"]
        assert site.agentctl(site.leader(), "status").startswith("brake: 2 of 4 hosts")
        assert site.agentctl(site.leader(), "hosts").startswith("brake: 2 of 4 hosts")
        # A new leader comes to the same answer.
        site.restart_agent(site.leader())
        site.wait_until(lambda: site.status().get("brake"), 30, "the next leader brakes, too")
        assert not gone & set(hypervisors())
        confirm(site, "node3", "node4")
        site.wait_until(lambda: gone <= set(hypervisors()), 30, "they are started elsewhere")
        assert site.status()["brake"] == ""
        assert watch.doubles == []
    assert any(text.startswith("brake: released") for text in events(site, "brake"))
    assert site.controller.asked("node3") == [], "nobody is fenced while the brake is on"


def test_a_fence_program_proves_what_time_cannot(site):
    controller, victim = site.controller, site.host(3)
    for host in (victim, site.host(4)):
        site.boot(host)
    site.wait_until(lambda: {row["state"] for row in site.status()["hosts"]} == {"alive"}, 60,
                    "all hosts are alive")
    apply(site, site.leader(), manifest("plain", "fenced", {"node": "10.77.30.51"},
                                        on_isolation="ignore", pool=["node3", "node1", "node2"]))
    assert "fenced-node-1" in hypervisors_of(victim)
    # At first its controller refuses: that is told, and tried again.
    (controller.folder / "node3.refuse").touch()
    with Watch() as watch:
        victim.freeze()  # It may wake up at any time, and its machine runs on when isolated.
        site.wait_until(lambda: "failed 1 time" in host_row(site, "node3")["reason"], 30,
                        "the failure is shown")
        assert "login with *** was refused" in host_row(site, "node3")["reason"]
        assert not (controller.folder / "node3.wanted").exists()
        (controller.folder / "node3.refuse").unlink()
        site.wait_until((controller.folder / "node3.wanted").exists, 30, "it is asked again")
        assert "fenced-node-1" not in hypervisors_elsewhere(site, victim), "nothing is proved yet"
        controller.cut(victim)
        site.wait_until(lambda: "fenced-node-1" in hypervisors(), 30, "it is started elsewhere")
        assert watch.doubles == []
    assert host_row(site, "node3")["lost_proof"] == "fenced"
    assert controller.asked("node3") == ["off", "off", "status"]
    for host in site.hosts:
        for log in pathlib.Path(host.folder, "log").rglob("*.log"):
            assert SECRET not in log.read_text(encoding="utf-8", errors="replace"), log
    assert not [text for text in events(site, "fence") if SECRET in text]


def hypervisors_elsewhere(site, host):
    """The machines of all hosts but one."""
    return {name for other in site.hosts if other is not host and other.powered
            for name in hypervisors_of(other)}
