"""The test bed itself: hosts really apart, guests that really boot, faults that really cut."""

import pathlib
import time
import urllib.request

import pytest

from bed.enclosure import PYTHON
from bed.guest import Guest
from bed.waiting import Timeout, wait_until

HOSTS = 3


@pytest.fixture(autouse=True)
def mended(site):
    """What one test cuts is whole again for the next, also where the test fails."""
    yield
    site.switch.heal()


# A refused connection is an answer: somebody is there. Port 9 has no listener anywhere here.
KNOCK = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], 9), timeout=1)
except ConnectionRefusedError:
    pass
"""


def reaches(host, address):
    """True when a packet gets to `address` and an answer back within a second."""
    try:
        host.run(PYTHON, "-c", KNOCK, address)
        return True
    except RuntimeError:
        return False


def hears(site, source, target):
    """True when a datagram from `source` arrives at `target`: one direction only."""
    listen = ("import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM);"
              "s.bind(('', 9000)); s.settimeout(15); print('ready', flush=True); s.recv(16);"
              "print('heard', flush=True)")
    send = ("import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM);"
            f"s.sendto(b'x', ('{target.address}', 9000))")
    # A fixed neighbour entry: else the answer to an ARP request would need the other direction.
    mac = target.run("cat", "/sys/class/net/br0/address").strip()
    source.run("ip", "neighbour", "replace", target.address, "lladdr", mac, "dev", "br0")
    daemon = target.start("listener", PYTHON, "-c", listen)  # Its log is its own: removed below.

    def said(word):
        return word in daemon.log.read_text(encoding="utf-8")
    try:
        site.wait_until(lambda: said("ready"), 10, "the listener is ready", poll=0.02)
        for _ in range(5):
            source.run(PYTHON, "-c", send)
            try:
                wait_until(lambda: said("heard"), 0.3, "heard", poll=0.02)
                return True
            except Timeout:
                continue
        return False
    finally:
        target.stop("listener")
        daemon.log.unlink()
        source.run("ip", "neighbour", "delete", target.address, "dev", "br0")


def test_hosts_have_names_of_their_own_and_reach_each_other(site):
    for host in site.hosts:
        assert host.run("hostname").strip() == host.name
        for other in site.hosts:
            assert reaches(host, other.address)


def test_each_hypervisor_sees_only_its_own_guests(site):
    Guest(site, site.host(1), "alone")
    assert "alone" in site.host(1).virsh("list", "--name")
    assert "alone" not in site.host(2).virsh("list", "--name")
    site.host(1).virsh("destroy", "alone")


def test_a_guest_boots_runs_commands_and_obeys_the_power_button(site):
    guest = Guest(site, site.host(1), "mini")
    site.wait_until(guest.answers, 60, "the guest agent answers")
    assert guest.shell("echo hello; exit 3") == (3, "hello\n")
    guest.shut_down()
    site.wait_until(lambda: not guest.running(), 20, "the guest powered off")


def test_the_guest_agent_comes_back_when_it_dies(site):
    guest = Guest(site, site.host(1), "phoenix")
    site.wait_until(guest.answers, 60, "the guest agent answers")
    _, before = guest.shell("pidof qemu-ga")
    guest.agent("guest-exec", path="killall", arg=["-9", "qemu-ga"])
    site.wait_until(lambda: guest.shell("pidof qemu-ga", seconds=2) != (0, before), 30,
                    "another guest agent answers")
    site.host(1).virsh("destroy", "phoenix")


def test_a_guest_is_reached_over_the_network_from_other_hosts_and_from_beside_the_site(site):
    guest = Guest(site, site.host(2), "web", image="web.qcow2")
    site.wait_until(guest.answers, 60, "the guest agent answers")
    status, said = guest.shell(
        "ip address add 10.77.1.99/16 dev eth0 && ip link set eth0 up && "
        "echo served >/tmp/index.html && httpd -p 8080 -h /tmp")
    assert status == 0, said

    def page():
        with urllib.request.urlopen("http://10.77.1.99:8080/", timeout=3) as answer:
            return answer.read()
    assert site.wait_until(page, 20, "the page is served") == b"served\n"
    assert reaches(site.host(3), "10.77.1.99")
    site.host(2).virsh("destroy", "web")


def test_a_mute_host_hears_and_a_deaf_host_is_heard(site):
    one, two = site.host(1), site.host(2)
    site.switch.mute(1)
    assert not hears(site, one, two)
    assert hears(site, two, one)
    site.switch.heal()
    site.switch.deaf(1)
    assert hears(site, one, two)
    assert not hears(site, two, one)
    site.switch.heal()
    assert reaches(one, two.address)


def test_a_cut_between_two_hosts_leaves_the_third_connected(site):
    one, two, three = site.hosts
    site.switch.cut(1, 2)
    assert not hears(site, one, two)
    assert hears(site, two, one)
    assert reaches(one, three.address) and reaches(two, three.address)
    site.switch.heal()


def test_a_frozen_host_is_silent_and_runs_on_after_the_thaw(site):
    host = site.host(3)
    daemon = host.start("ticker", "sh", "-c", "while :; do echo tick; sleep 0.05; done")
    ticks = lambda: daemon.log.stat().st_size  # noqa: E731
    site.wait_until(lambda: ticks() > 0, 10, "it ticks")
    host.freeze()
    frozen_at = ticks()
    time.sleep(0.5)  # Ten ticks' time.
    assert ticks() == frozen_at
    host.thaw()
    site.wait_until(lambda: ticks() > frozen_at, 10, "it ticks again")
    host.stop("ticker")


@pytest.mark.parametrize("again", [1, 2])
def test_a_power_cut_takes_everything_at_once_and_keeps_the_disk(site, again):
    host = site.host(3)
    guest = Guest(site, host, f"doomed{again}")
    assert guest.running()
    (host.folder / "on-disk").write_text("kept", encoding="utf-8")
    processes = host.processes()
    host.power_cut()
    assert not reaches(site.host(1), host.address)
    assert not [pid for pid in processes if pathlib.Path(f"/proc/{pid}").exists()]
    host.power_on()
    host.start_libvirtd()
    assert host.virsh("list", "--name").split() == []
    assert (host.folder / "on-disk").read_text(encoding="utf-8") == "kept"
    assert reaches(site.host(1), host.address)


def test_a_hypervisor_daemon_that_is_killed_finds_its_guests_again(site):
    host = site.host(1)
    guest = Guest(site, host, "survivor")
    site.wait_until(guest.answers, 60, "the guest agent answers")
    host.stop("libvirtd", 9)
    host.start_libvirtd()
    assert guest.running()
    host.virsh("destroy", "survivor")
