"""The common days of a web site: applied, left alone, its agents restarted, a VM lost, hosts
without power, stopped, started, deleted. One site lives through all of it, in this order.
"""

import json
import os
import pathlib
import signal
import socket
import threading
import time
import urllib.request

import pytest

from bed.machines import clean, hypervisors
from bed.site import REPOSITORY
from bed.toys import console

MANIFEST = REPOSITORY / "manifests" / "examples" / "web.yaml"
PAGE = "http://10.77.1.10/"
BOOT_SECONDS = 180  # Four guests under emulation on two busy cores.


def instances(site, host=None):
    """Name -> row of `agentctl status`."""
    return {row["name"]: row for resource in site.status(host)["resources"]
            for row in resource["instances"]}


def running(site):
    return site.wait_until(
        lambda: [r["state"] for r in site.status()["resources"]] == ["running"], BOOT_SECONDS,
        "the site runs")


def page():
    """What the balancer answers; nothing while it does not."""
    try:
        with urllib.request.urlopen(PAGE, timeout=3) as answer:
            return answer.read().decode()
    except OSError:
        return ""


def served(site):
    site.wait_until(lambda: "database: myweb-database-1" in page(), 60, "the page is served")


@pytest.fixture(scope="module")
def web(site):
    site.start_agents()
    leader = site.leader()
    site.agentctl(leader, "apply", MANIFEST, seconds=BOOT_SECONDS)
    served(site)
    return site


def test_apply_waits_until_the_site_runs(web):
    assert {row["state"] for row in instances(web).values()} == {"running"}
    assert {row["health"] for row in instances(web).values()} == {"passing"}


def test_applying_the_same_again_changes_nothing(web):
    before = hypervisors()
    told = json.loads(web.agentctl(web.host(3), "--output", "json", "apply", MANIFEST))
    assert told["changes"] == [{"name": "myweb", "change": "unchanged"}]
    assert "nothing to do" in web.agentctl(web.host(2), "plan")
    assert hypervisors() == before


def test_an_agent_that_crashes_leaves_its_machines_alone(web):
    before = hypervisors()
    leader = web.leader()
    web.restart_agent(leader, signal.SIGKILL)
    running(web)
    assert hypervisors() == before


def test_a_host_that_is_stopped_cleanly_is_held_and_keeps_its_machines(web):
    before = hypervisors()
    other = next(host for host in web.hosts if host is not web.leader())
    web.hosts[other.number - 1].stop("agentd", signal.SIGTERM)
    state = lambda: {row["name"]: row["state"] for row in web.status()["hosts"]}[other.name]
    web.wait_until(lambda: state() == "held", 10, f"{other.name} is held")
    assert hypervisors() == before
    web.start_agent(other)
    web.wait_until(lambda: state() == "alive", 30, f"{other.name} is back")
    running(web)
    assert hypervisors() == before


def test_a_hypervisor_that_dies_is_started_again_on_the_same_disk(web):
    before = hypervisors()
    died = before["myweb-database-1"]
    os.kill(died, signal.SIGKILL)
    web.wait_until(lambda: hypervisors().get("myweb-database-1", died) != died, 60,
                   "the database's machine is started again")
    running(web)
    assert "fresh disk" not in instances(web)["myweb-database-1"]["reason"]
    others = {name: pid for name, pid in before.items() if name != "myweb-database-1"}
    assert {name: pid for name, pid in hypervisors().items() if name in others} == others
    served(web)


def test_a_libvirtd_that_dies_touches_no_machine(web):
    before = hypervisors()
    host = web.host(instances(web)["myweb-balancer-1"]["host"])
    host.stop("libvirtd", signal.SIGKILL)
    web.wait_until(lambda: "unknown" in {row["state"] for row in instances(web).values()}, 30,
                   "what that libvirtd ran is unknown")
    host.start_libvirtd()
    running(web)
    assert hypervisors() == before


def test_a_host_that_lost_power_comes_back_empty_and_is_used_again(web):
    victim = web.host(instances(web)["myweb-server-2"]["host"])
    victim.power_cut()
    web.wait_until(lambda: instances(web)["myweb-server-2"]["host"] not in ("", victim.name), 60,
                   "server 2 is started elsewhere")
    running(web)
    web.boot(victim)
    web.wait_until(lambda: {row["name"]: row["state"] for row in web.status()["hosts"]}[
        victim.name] == "alive", 60, f"{victim.name} is back")
    running(web)
    served(web)


def test_after_all_hosts_lost_power_the_site_comes_back(web):
    for host in web.hosts:
        host.power_cut()
    for host in web.hosts:
        web.boot(host)
    web.leader()
    running(web)
    served(web)


SERVICES = {"balancer": [("10.77.1.10", 80)],
            "server": [("10.77.1.11", 8080), ("10.77.1.12", 8080)],
            "database": [("10.77.1.20", 6379)]}


class Knocker(threading.Thread):
    """Knocks at a service until `over`; knows when it last opened."""

    def __init__(self, address, over):
        super().__init__(daemon=True)
        self.address, self.over, self.last_open = address, over, 0.0
        self.start()

    def run(self):
        while not self.over.is_set():
            try:
                socket.create_connection(self.address, timeout=0.3).close()
                self.last_open = time.monotonic()
            except OSError:
                pass
            time.sleep(0.005)  # Between two tries.


def test_stop_ends_services_in_order_and_then_every_machine(web):
    """Seen from the network: the balancer goes first, the database last."""
    over = threading.Event()
    knockers = {role: [Knocker(address, over) for address in addresses]
                for role, addresses in SERVICES.items()}
    web.wait_until(lambda: all(one.last_open for some in knockers.values() for one in some), 30,
                   "every service is seen")
    web.agentctl(web.host(1), "stop", "myweb", seconds=120)
    over.set()
    closed = {role: [one.last_open for one in some] for role, some in knockers.items()}
    assert max(closed["balancer"]) < min(closed["server"]), closed
    assert max(closed["server"]) < min(closed["database"]), closed
    assert hypervisors() == {}
    names = set(instances(web))
    for name in names:
        assert "Power down" in console(web, name), "it was shut down, not killed"
    clean(web, "myweb-", names)
    assert web.status()["resources"][0]["state"] == "stopped"


def test_a_second_stop_succeeds_at_once(web):
    told = json.loads(web.agentctl(web.host(3), "--output", "json", "stop", "myweb", seconds=10))
    assert told["changes"] == [{"name": "myweb", "change": "unchanged"}] and told["waited_s"] < 2
    assert hypervisors() == {}


def test_start_brings_it_back_with_its_data(web):
    def disks():
        disk = "cierzo/state/disks/myweb-database-1.qcow2"
        found = {host.name: pathlib.Path(host.folder, disk) for host in web.hosts}
        return {name: path.stat().st_ino for name, path in found.items() if path.exists()}
    before = disks()
    web.agentctl(web.host(2), "start", "myweb", seconds=BOOT_SECONDS)
    served(web)
    host = instances(web)["myweb-database-1"]["host"]
    assert disks()[host] == before[host], "the database has the disk that it had"


def test_delete_forgets_it_and_removes_its_disks(web):
    web.agentctl(web.host(2), "delete", "--yes", "myweb", seconds=120)
    assert web.status()["resources"] == []
    assert hypervisors() == {}
    assert not [file for host in web.hosts for folder in ("disks", "console")
                for file in pathlib.Path(host.folder, "cierzo/state", folder).iterdir()]
