"""The thesis' acceptance run for its AppScale platform: one machine with the roles of master,
appengine, database and login, and two open ones beside it.

It serves when the dashboard answers and shows every machine with its roles, its AppController
running. AppScale is a stand-in (tests/standins/appscale).
"""

import urllib.request

import pytest

from bed import enclosure, thesis
from thesis_scenarios import CommonScenarios, Day

DASHBOARD = "http://155.210.155.73:1080/"
OPEN = ["myappscale-open-1", "myappscale-open-2"]
MASTER = "myappscale-master-1"
DAEMONS = [(MASTER, "AppController")]
MASTERS_ROLES = {"master", "appengine", "database", "login", "shadow", "load_balancer", "zookeeper",
                 "memcache", "rabbitmq"}


def dashboard():
    """Address -> (roles, state) of the dashboard's page."""
    with urllib.request.urlopen(DASHBOARD, timeout=10) as answer:
        lines = [line.split() for line in answer.read().decode().splitlines()]
    return {address: (set(roles.split(",")), state) for address, roles, state in lines}


def serves(_day):
    """Everything that the manifest says is on the dashboard, and running."""
    return dashboard() == {"155.210.155.73": (MASTERS_ROLES, "running"),
                           "155.210.155.177": ({"open"}, "running"),
                           "155.210.155.178": ({"open"}, "running")}


@pytest.fixture(scope="module")
def site():
    """The thesis' machines."""
    folder = enclosure.scratch() / "thesis-appscale"
    folder.mkdir()
    with thesis.thesis_site("appscale", folder) as made:
        made.start_agents()
        yield made


@pytest.fixture(scope="module")
def day(site, request):
    """The platform; at the end the times are printed."""
    made = Day(site, enclosure.scratch() / "thesis-appscale", "appscale.pp", "myappscale", [MASTER, *OPEN],
               OPEN, serves, DAEMONS)
    yield made
    made.table.show(request.config, "AppScale")


class TestAppScale(CommonScenarios):
    """The scenarios, on the platform."""

    def test_nobody_knows_the_administrators_password_who_was_not_told(self, day):
        """The manifest names none: it was made up, and only the master's root can read it."""
        status, mode = day.machine(MASTER).shell("stat -c %a /root/cierzo/administrator")
        assert (status, mode.strip()) == (0, "600")
        _, text = day.machine(MASTER).shell("cat /root/cierzo/administrator")
        email, password = text.split()
        assert email == "admin@myappscale.invalid" and len(password) == 32
        logs = "".join(path.read_text(encoding="utf-8", errors="replace")
                       for host in day.site.hosts for path in (host.folder / "log").glob("*.log"))
        assert password not in logs
