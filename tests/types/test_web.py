"""The web type with nginx and MariaDB, run by agents: what visitors of the site see.

One site lives through the tests in their order. Visitors are there all the time that something is
killed, and every visit that failed is counted. The figures are printed at the end.
"""

import time
import urllib.request

import pytest

from declared import Declared
from load import Load

HOSTS = 2
PAGE = "http://10.77.1.10/"
MANIFEST = """
web:
  shop:
    ensure: running
    balancer: {{ip: 10.77.1.10, image: web-mariadb.qcow2}}
    server: {{ips: {servers}, image: web-mariadb.qcow2}}
    database: {{ip: 10.77.1.20, image: web-mariadb.qcow2}}
    vm_mem: 320 MiB
"""


def page():
    """The page through the balancer, as a dictionary of its lines."""
    with urllib.request.urlopen(PAGE, timeout=15) as answer:
        return dict(line.split(": ", 1) for line in answer.read().decode().splitlines())


def visit(lines):
    """The number of the visit, counted by the database."""
    return int(lines["database"].rpartition(" ")[2])


class Shop(Declared):
    """The site `shop`."""

    def declare(self, servers):
        self.apply(MANIFEST.format(servers=servers))

    def servers(self, visits=8):
        """The servers that answer so many visits in a row."""
        return {page()["server"] for _ in range(visits)}


@pytest.fixture(scope="module")
def shop(site, tmp_path_factory, request):
    """The site, applied and served; its figures are shown at the end."""
    made = Shop(site, tmp_path_factory.mktemp("shop"), "shop")
    site.start_agents()
    since = time.monotonic()
    made.declare("10.77.1.11-10.77.1.12")
    made.wait(lambda: made.servers() == {"shop-server-1", "shop-server-2"},
              "pages come from both servers")
    made.rows.append(f"from apply to pages of both servers: {time.monotonic() - since:.1f} s")
    yield made
    made.show(request.config, "web")


def test_every_visit_is_a_row_that_the_database_changed(shop):
    before = visit(page())
    assert visit(page()) == before + 1
    status, said = shop.machine("database").shell(
        "mariadb -N -e 'SELECT count FROM web.visits'")
    assert (status, said.strip()) == (0, str(before + 1)), "the database itself says so"


@pytest.mark.parametrize("how", ["-9", "-STOP"])
def test_a_server_whose_service_dies_or_hangs_costs_no_visitor_more_than_one_page(shop, how):
    """Killed: refused at once. Stopped: it takes connections and says nothing."""
    victim = shop.machine("server")
    pid = victim.shell("cat /run/cierzo-web-server.pid")[1].strip()
    with Load(PAGE) as load:
        shop.wait(lambda: load.served >= 3, "visitors are served")
        since = time.monotonic()
        assert victim.shell(f"kill {how} {pid}")[0] == 0
        shop.wait(
            lambda: victim.shell(f"! kill -0 {pid} && wget -q -O - http://127.0.0.1:8080/alive")[0]
            == 0, "the service is another")
        healed = time.monotonic() - since
        shop.wait(lambda: "shop-server-1" in shop.servers(), "the balancer has it again")
        back = time.monotonic() - since
    shop.rows.append(f"server's service, kill {how}: another after {healed:.1f} s, "
                     f"pages from it after {back:.1f} s; {load}")
    assert len(load.failures) <= load.visitors, load.failures


def test_a_database_that_is_killed_comes_back_with_every_visit_counted(shop):
    database = shop.machine("database")
    counted = visit(page())
    since = time.monotonic()
    assert database.shell("kill -9 $(pidof mariadbd)")[0] == 0
    shop.wait(lambda: visit(page()) > counted, "visits are counted again")
    shop.rows.append(f"database killed, until visits count: {time.monotonic() - since:.1f} s")


def test_the_databases_machine_is_reset_and_every_visit_is_still_counted(shop):
    counted = visit(page())
    database = shop.machine("database")
    _, boot = database.shell("cat /proc/sys/kernel/random/boot_id")
    since = time.monotonic()
    database.host.virsh("reset", "shop-database-1")
    shop.wait(lambda: visit(page()) > counted, "visits are counted again")
    shop.rows.append(f"database's machine reset, until visits count: {time.monotonic() - since:.1f} s")
    assert database.shell("cat /proc/sys/kernel/random/boot_id")[1] != boot


def test_servers_come_and_go_and_no_visitor_notices(shop):
    with Load(PAGE) as load:
        shop.wait(lambda: load.served >= 3, "visitors are served")
        shop.declare("10.77.1.11-10.77.1.13")
        shop.wait(lambda: "shop-server-3" in shop.servers(), "pages come from the third")
        served = load.served
        shop.declare("10.77.1.11-10.77.1.12")
        shop.wait(lambda: shop.gone("server", 3), "the third machine is gone")
        shop.wait(lambda: load.served >= served + 5, "visitors are served")
    shop.rows.append(f"a third server came and went; {load}")
    assert load.failures == []
