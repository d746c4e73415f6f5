"""Fixtures of the system tests. `tests/run system` runs them inside an enclosure."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from bed import enclosure, site as bed_site  # noqa: E402  (needs the path above)

LOGS = bed_site.BUILD / "logs"
TYPES = pathlib.Path(__file__).with_name("types")


def pytest_configure():
    """Refuses to run outside, where hosts and networks could be left behind."""
    if not enclosure.inside():
        pytest.exit("the system tests run in an enclosure: use `tests/run system`", returncode=1)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """On a failure keeps the logs of the module's site under build/logs."""
    report = (yield).get_result()
    site = item.funcargs.get("site") if hasattr(item, "funcargs") else None
    if call.when == "call" and report.failed and site is not None:
        folder = LOGS / item.name
        site.save_logs(folder)
        report.sections.append(("site", f"the hosts' logs are in {folder}"))


@pytest.fixture(scope="module")
def site(request):
    """The module's site: as many hosts as its constant HOSTS says, agents not started; with the types
    of tests/system/types beside the built-in ones.
    """
    with bed_site.Site(hosts=getattr(request.module, "HOSTS", 3), types=[TYPES]) as made:
        yield made
