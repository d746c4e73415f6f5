"""Fixtures of pytest for tests on a bed, and what a failed one leaves behind. They run inside an
enclosure: `tests/run system`, `tests/run types`.
"""

import pytest

from . import enclosure, site as bed_site

LOGS = bed_site.BUILD / "logs"
TYPES = enclosure.REPOSITORY / "tests" / "system" / "types"


def pytest_configure():
    """Refuses to run outside, where hosts and networks could be left behind."""
    if not enclosure.inside():
        pytest.exit("these tests run in an enclosure: use `tests/run`", returncode=1)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """On a failure keeps the logs of the module's site under build/logs."""
    report = (yield).get_result()
    site = item.funcargs.get("site") if hasattr(item, "funcargs") else None
    if call.when == "call" and report.failed and site is not None:
        folder = LOGS / item.name
        site.save_logs(folder)
        report.sections.append(("site", f"the hosts' logs are in {folder}"))


@pytest.fixture(scope="module", name="site")
def made_site(request):
    """The module's site: as many hosts as its constant HOSTS says, agents not started; with the types
    of tests/system/types beside the built-in ones.
    """
    with bed_site.Site(hosts=getattr(request.module, "HOSTS", 3), types=[TYPES]) as made:
        yield made
