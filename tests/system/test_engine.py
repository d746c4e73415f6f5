"""What a role needs of the engine, on three real hosts: commands straight in the manifest, a breaker that opens and
is reset, scaling while it runs. All is looked at from outside: domains, and files on the guests' disks.

One site, one `generic` resource; the tests live on it in this order.
"""

import signal

import pytest

from bed import toys

TRIES = 2  # Of `sick`, before its breaker opens.
PAUSE = 10  # Seconds: what a third try would have waited for.
MANIFEST = f"""\
generic:
  shop:
    ensure: running
    vm_mem: 128 MiB
    till:
      ip: 10.77.4.10
      image: mini.qcow2
      start: echo start >>/data/till; touch /run/till
      check: {{run: test -e /run/till, every: 1s, timeout: 20s, failures: 5}}
      stop: |
        echo "chain: till is closed" >/dev/console
    clerk:
      ips: 10.77.4.11-10.77.4.13
      image: mini.qcow2
      count: 1
      after: till
      start: echo "$CIERZO_ADDRESSES_TILL" >/data/clerk
    sick:
      ip: 10.77.4.20
      image: mini.qcow2
      tries: {TRIES}
      start: |
        read -r now rest </proc/uptime; echo "$now" >>/data/tries
        [ -e /data/key ] || {{ echo "the safe is locked"; exit 3; }}
"""


@pytest.fixture(scope="module", autouse=True)
def resource(site):
    """The resource, applied; nobody waits for it to be well."""
    site.start_agents()
    site.leader()
    toys.apply(site, site.host(1), MANIFEST, "--no-wait")


def domains(site):
    """The guests of the resource that the hypervisors have: name -> host."""
    return {name: host for host in site.hosts for name in host.virsh("list", "--name").split()
            if name.startswith("shop-")}


def inside(site, name):
    """A guest, wherever it runs."""
    return toys.Declared(domains(site)[name], name)


def read(guest, path):
    """The lines of a file in a guest; none where there is no such file."""
    return guest.shell(f"cat {path} 2>/dev/null")[1].splitlines()


def row(site, name):
    return toys.instances(site, "shop")[name]


def clerks(site):
    """What status says of the scale of `clerk`."""
    return next(scale for scale in toys.resource(site, "shop")["scale"] if scale["role"] == "clerk")


def wait_for_domains(site, *names):
    site.wait_until(lambda: set(domains(site)) == set(names), toys.BOOT_SECONDS, f"exactly these run: {names}")


def wait_to_run(site, *names):
    site.wait_until(lambda: all(row(site, name)["state"] == "running" for name in names), toys.BOOT_SECONDS,
                    f"these are running: {names}")


def test_a_role_is_started_and_checked_by_the_commands_of_its_manifest(site):
    wait_to_run(site, "shop-till-1", "shop-clerk-1")
    till = inside(site, "shop-till-1")
    assert set(read(till, "/data/till")) == {"start"}
    assert read(inside(site, "shop-clerk-1"), "/data/clerk") == ["10.77.4.10"]
    site.wait_until(lambda: row(site, "shop-till-1")["health"] == "passing", 30, "the check of till passes")
    before = len(read(till, "/data/till"))
    assert till.shell("rm /run/till")[0] == 0
    site.wait_until(lambda: len(read(till, "/data/till")) > before, 60, "a failing check starts it again")


def test_a_start_that_always_fails_opens_the_breaker_which_is_told_and_kept(site):
    def told():
        said = row(site, "shop-sick-1")
        return said if "breaker" in said["reason"] else None

    said = site.wait_until(told, toys.BOOT_SECONDS, "its breaker opens")
    assert said["state"] == "failed"
    assert said["reason"].startswith(
        f"the breaker of sick is open: start failed {TRIES} times: exit status 3: the safe is locked"), said["reason"]
    assert said["reason"].endswith("agentctl reset shop/shop-sick-1")
    sick = inside(site, "shop-sick-1")
    site.restart_agent(sick.host, signal.SIGKILL)  # It had counted; what it knew is gone.
    site.leader()

    def late():
        tries = read(sick, "/data/tries")
        return float(read(sick, "/proc/uptime")[0].split()[0]) > float(tries[-1]) + 1.5 * PAUSE and len(tries)
    assert site.wait_until(late, 60, "a third try would have been made") == TRIES
    site.wait_until(told, 30, "it is told as before")


def test_reset_has_it_tried_again_and_it_heals(site):
    sick = inside(site, "shop-sick-1")
    assert sick.shell("touch /data/key")[0] == 0
    assert "reset" in site.agentctl(site.host(1), "reset", "shop/shop-sick-1")
    wait_to_run(site, "shop-sick-1")
    assert row(site, "shop-sick-1")["reason"] in ("", "fresh disk")
    assert len(read(sick, "/data/tries")) == TRIES + 1


def test_scaling_up_starts_domains_and_the_next_leader_keeps_them(site):
    site.agentctl(site.host(1), "scale", "shop", "clerk=2", seconds=toys.BOOT_SECONDS)
    everybody = ("shop-till-1", "shop-clerk-1", "shop-clerk-2", "shop-sick-1")
    wait_for_domains(site, *everybody)
    before = domains(site)
    first = site.leader()
    first.stop("agentd", signal.SIGTERM)  # Cleanly: its guests run on.
    site.wait_until(lambda: site.leader() != first, 30, "another host leads")
    told = clerks(site)
    assert (told["wanted"], told["declared"], told["addresses"]) == (2, 1, 3)
    site.start_agent(first)
    site.wait_until(lambda: all(row(site, name)["state"] == "running" for name in everybody), 60, "all are running")
    assert domains(site) == before, "nothing was moved"


def test_scaling_down_ends_domains_and_none_is_legal(site):
    site.agentctl(site.host(2), "scale", "shop", "clerk=0", seconds=toys.BOOT_SECONDS)
    wait_for_domains(site, "shop-till-1", "shop-sick-1")
    # Its disk goes after the domain: between the two libvirt's list has it no more.
    site.wait_until(lambda: not [disk for host in site.hosts for disk in host.folder.rglob("shop-clerk-*.qcow2")],
                    60, "their disks are gone")


def test_stop_runs_the_command_of_the_manifest(site):
    site.agentctl(site.host(1), "stop", "shop", seconds=toys.BOOT_SECONDS)
    wait_for_domains(site)
    assert toys.said(site, "shop-till-1")[-1:] == ["till is closed"]
