"""The thesis' acceptance run for its web site: a balancer, two servers and a database.

It serves when pages come from both servers, each with a visit that the database has counted.
"""

import urllib.request

import pytest

from bed import enclosure, thesis
from thesis_scenarios import CommonScenarios, Day

PAGE = "http://155.210.155.175/"
SERVERS = ["myweb-server-1", "myweb-server-2"]
# The web server's pages are processes of the same name, of busybox: its own is written down.
DAEMONS = [("myweb-balancer-1", "nginx"), (SERVERS[0], "cat /run/cierzo-web-server.pid # httpd"),
           ("myweb-database-1", "redis-server")]
INSTANCES = ["myweb-balancer-1", "myweb-database-1", *SERVERS]


def serves(_day):
    """Six pages in a row, from both servers."""
    pages = []
    for _ in range(6):
        with urllib.request.urlopen(PAGE, timeout=3) as answer:
            pages.append(dict(line.split(": ", 1) for line in answer.read().decode().splitlines()))
    return ({page["server"] for page in pages} == set(SERVERS)
            and all(page["balancer"] == "myweb-balancer-1" for page in pages)
            and all(page["database"].startswith("myweb-database-1, visit ") for page in pages))


@pytest.fixture(scope="module")
def site():
    """The thesis' machines."""
    folder = enclosure.scratch() / "thesis-web"
    folder.mkdir()
    with thesis.thesis_site("web", folder) as made:
        made.start_agents()
        yield made


@pytest.fixture(scope="module")
def day(site, request):
    """The web site; at the end the times are printed."""
    made = Day(site, enclosure.scratch() / "thesis-web", "web-thesis.pp", "myweb", INSTANCES, SERVERS,
               serves, DAEMONS)
    yield made
    made.table.show(request.config, "web")


class TestWeb(CommonScenarios):
    """The scenarios, on the web site."""
