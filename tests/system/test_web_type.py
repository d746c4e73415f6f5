"""The scripts of the web type, run in real guests as an agent runs them, but without any agent.

Two guests: `front` is balancer and server, `back` is server and database.
"""

import shlex
import urllib.error
import urllib.request

import pytest

from bed.guest import Guest
from bed.site import REPOSITORY

HOSTS = 2
SCRIPTS = REPOSITORY / "resources" / "types" / "web"
FRONT, BACK = "10.77.1.10", "10.77.1.11"


class WebGuest(Guest):
    """A guest of the service image that runs the type's scripts."""

    def __init__(self, site, host, name, address):
        super().__init__(site, host, name, image="web.qcow2")
        site.wait_until(self.answers, 60, "the guest agent answers")
        status, said = self.shell(f"ip address add {address}/16 dev eth0 && ip link set eth0 up")
        assert status == 0, said

    def script(self, name, servers=(FRONT, BACK)):
        """Runs a script with the environment that the agent gives; (exit status, what it said)."""
        variables = {
            "CIERZO_NAME": self.name, "CIERZO_ATTRIBUTE_PORT": "80",
            "CIERZO_ADDRESSES_SERVER": " ".join(servers), "CIERZO_ADDRESSES_DATABASE": BACK,
            "CIERZO_NAMES_DATABASE": "back",
        }
        exports = " ".join(f"{key}={shlex.quote(value)}" for key, value in variables.items())
        text = (SCRIPTS / name).read_text(encoding="utf-8")
        return self.shell(f"export {exports}; sh -c {shlex.quote(text)}")


@pytest.fixture(scope="module")
def guests(site):
    """front and back, configured in the order of the type."""
    front = WebGuest(site, site.host(1), "front", FRONT)
    back = WebGuest(site, site.host(2), "back", BACK)
    for guest, name in ((back, "database-start"), (back, "server-start"), (front, "server-start"),
                        (front, "balancer-start")):
        assert guest.script(name) == (0, "")
    return front, back


def page():
    """The page through the balancer, as a dictionary of its lines."""
    with urllib.request.urlopen(f"http://{FRONT}/", timeout=5) as answer:
        return dict(line.split(": ", 1) for line in answer.read().decode().splitlines())


def visit(lines):
    """The number of the visit, counted by the database."""
    return int(lines["database"].rpartition(" ")[2])


def test_a_page_proves_all_three_tiers_and_counts_visits(guests):
    first, second = page(), page()
    assert first["balancer"] == "front"
    assert {first["server"], second["server"]} == {"front", "back"}, "servers take turns"
    assert first["database"].startswith("back, visit ")
    assert visit(second) == visit(first) + 1


def test_a_second_start_changes_nothing(guests):
    front, back = guests
    before = [guest.shell("pidof nginx; pidof redis-server; cat /run/cierzo-web-server.pid")
              for guest in guests]
    for guest, name in ((back, "database-start"), (back, "server-start"), (front, "server-start"),
                        (front, "balancer-start")):
        assert guest.script(name) == (0, "")
    assert before == [
        guest.shell("pidof nginx; pidof redis-server; cat /run/cierzo-web-server.pid")
        for guest in guests]


@pytest.mark.parametrize("role, where, kill", [
    ("balancer", 0, "killall -9 nginx"),
    ("server", 0, "kill -9 $(cat /run/cierzo-web-server.pid)"),
    ("database", 1, "killall -9 redis-server"),
])
def test_a_service_that_was_killed_fails_its_check_and_a_start_brings_it_back(
        site, guests, role, where, kill):
    guest = guests[where]
    counted = visit(page())
    assert guest.script(f"{role}-check")[0] == 0
    assert guest.shell(kill)[0] == 0
    site.wait_until(lambda: guest.script(f"{role}-check")[0] == 1, 10, "the check fails")
    status, said = guest.script(f"{role}-check")
    assert status == 1 and said.strip(), "a failing check says why"
    assert guest.script(f"{role}-start") == (0, "")
    assert guest.script(f"{role}-check")[0] == 0
    assert visit(page()) > counted, "an acknowledged visit is not forgotten"


def test_a_balancer_that_hangs_is_replaced(site, guests):
    front, _ = guests
    assert front.shell("killall -STOP nginx")[0] == 0
    assert front.script("balancer-check")[0] == 1
    assert front.script("balancer-start")[0] == 0
    site.wait_until(page, 10, "the page is served")


def test_a_server_is_healthy_without_its_database_and_says_that_it_is_missing(site, guests):
    front, back = guests
    assert back.script("database-stop") == (0, "")
    assert back.script("database-stop") == (0, ""), "stopping what does not run is success"
    assert front.script("server-check")[0] == 0
    assert front.script("balancer-check")[0] == 0
    with pytest.raises(urllib.error.HTTPError) as refused:
        page()
    assert refused.value.code == 503
    assert "back does not answer" in refused.value.read().decode()
    assert back.script("database-start") == (0, "")
    site.wait_until(page, 10, "the page is served")


def test_the_balancer_passes_over_a_dead_server_and_forgets_one_that_left(site, guests):
    front, back = guests
    assert back.script("server-stop") == (0, "")
    assert {page()["server"] for _ in range(4)} == {"front"}
    assert front.script("balancer-start", servers=[FRONT]) == (0, "")
    assert front.shell(f"grep -c {BACK} /etc/nginx/conf.d/cierzo-web.conf")[1] == "0\n"
    assert back.script("server-start") == (0, "")
    assert front.script("balancer-start") == (0, "")
    site.wait_until(lambda: page()["server"] == "back", 10, "the server takes part again")


def test_a_start_that_cannot_work_says_why(guests):
    front, _ = guests
    status, said = front.script("balancer-start", servers=["not an address;"])
    assert status != 0
    assert "nginx refuses the configuration" in said
    assert front.script("balancer-check")[0] == 0, "the balancer keeps its last good configuration"
