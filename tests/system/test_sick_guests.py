"""Sick guests, many at once on one host: each is told with its reason, tried again ever more rarely, and keeps nobody
else from being started, checked and well.

One host, one resource, a role for each sickness, scripts made here. The tests live on it in this order.
"""

import pathlib
import re
import shutil
import signal

import pytest

from bed import virtualization
from bed.guest import Guest
from bed.site import Site

BOOT_SECONDS = 240  # A dozen guests under emulation on two busy cores.

# Role -> (attributes in type.yaml, start script, check script or None). What a script keeps is on the guest's disk.
NOTE_TRY = "read -r now rest </proc/uptime; echo \"$now\" >>/data/tries\n"
NOTE_CHECK = "read -r now rest </proc/uptime; echo \"$now\" >>/data/checks\n"
FLAP = """\
read -r n </data/n || n=0
echo $((n + 1)) >/data/n
[ $((n % 2)) = 0 ] || { echo "the till is closed now and then"; exit 1; }
"""
LOUD = "head -c 1000000 /dev/urandom\n"
ROLES = {
    "well": ("count: 1.., check: {run: well-check, every: 1s, timeout: 5s}", NOTE_TRY, NOTE_CHECK),
    "mute": ("count: 1", "true\n", None),
    "failing": ("count: 1", NOTE_TRY + "echo 'cannot open the till' >&2\nexit 7\n", None),
    "hanging": ("count: 1, start: {run: hanging-start, timeout: 3s}",
                NOTE_TRY + "trap '' TERM\necho 'waits for the till'\nsetsid sleep 4321 &\nsleep 4321\n", None),
    "loud": ("count: 1", NOTE_TRY + LOUD + "exit 9\n", None),
    "chatty": ("count: 1, check: {run: chatty-check, every: 2s, timeout: 5s}", LOUD, LOUD + NOTE_CHECK),
    "flapping": ("count: 1, check: {run: flapping-check, every: 1s, timeout: 5s, failures: 1}", NOTE_TRY, FLAP),
    "stuck": ("count: 1, on_host_lost: wait, check: {run: stuck-check, every: 1s, timeout: 1s, failures: 2}",
              NOTE_TRY, "echo 'asks the till'\nsleep 4321\n"),
    "slow": ("count: 1", NOTE_TRY + "sleep 12\necho ended >>/data/tries\n", None),
}
ORDER = [name for name in ROLES if name != "well"]


def write_type(folder):
    """The type `ward` in a folder of types."""
    ward = folder / "ward"
    ward.mkdir(parents=True)
    lines = ["type: ward", "roles:"]
    for name, (attributes, start, check) in ROLES.items():
        start_as = "" if "start:" in attributes else f", start: {name}-start"
        lines.append(f"  {name}: {{{attributes}{start_as}}}")
        for kind, text in (("start", start), ("check", check)):
            if text is not None:
                (ward / f"{name}-{kind}").write_text(f"#!/bin/sh\n{text}", encoding="utf-8")
    (ward / "type.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")


class Ward(Site):
    """A site of one host that knows the type `ward` and has the image `dumb`, which has no guest agent."""

    def configuration(self, host):
        text = super().configuration(host)
        text = re.sub(r"types: \[.*\]", f"types: [{self.folder}/types]", text)
        return re.sub("capacity: .*", "capacity: {memory: 4 GiB, cpus: 32}", text)

    def prepare(self):
        write_type(self.folder / "types")
        self.dumb = self.folder / "dumb.qcow2"
        shutil.copy(self.images / "mini.qcow2", self.dumb)
        settings = virtualization.sidecar(self.images / "mini.qcow2")
        pathlib.Path(f"{self.dumb}.yaml").write_text(
            f"kernel: {settings['kernel']}\ninitrd: {settings['initrd']}\n"
            f"cmdline: \"{settings['cmdline']} rdinit=/bin/sleep -- 1000000\"\n", encoding="utf-8")
        manifest = self.folder / "ward.yaml"
        roles = ["    well: {ips: 10.77.1.10-10.77.1.12, image: mini.qcow2}"]
        for number, name in enumerate(ORDER, 20):
            image = self.dumb if name == "mute" else "mini.qcow2"
            roles.append(f"    {name}: {{ip: 10.77.1.{number}, image: {image}}}")
        manifest.write_text("ward:\n  w:\n    ensure: running\n    vm_mem: 131072\n" + "\n".join(roles) + "\n",
                            encoding="utf-8")
        return manifest

    def rows(self):
        """Name without `w-` and number, where it has one brother only -> row of `agentctl status`."""
        return {row["name"][2:].removesuffix("-1"): row for resource in self.status()["resources"]
                for row in resource["instances"]}

    def becomes(self, name, expected, seconds=120):
        """Waits until the row of `name` matches: a dictionary of fields, `reason` as a regular expression."""
        def matches():
            row = self.rows()[name]
            return row if all(re.search(value, row["reason"]) if field == "reason" else row[field] == value
                              for field, value in expected.items()) else None
        return self.wait_until(matches, seconds, f"{name} becomes {expected}")

    def inside(self, name):
        """A guest, to run commands in."""
        return Inside(self.host(1), name if name[-1].isdigit() else f"{name}-1")


class Inside(Guest):
    """A guest that the agent has started."""

    def __init__(self, host, name):  # pylint: disable=super-init-not-called
        self.host, self.name = host, f"w-{name}"

    def lines(self, path):
        """The lines of a file in the guest; none where there is no file."""
        return self.shell(f"cat {path} 2>/dev/null")[1].split()

    def times(self, path):
        """The guest's seconds since it was booted that a script has written down."""
        return [float(line) for line in self.lines(path)]


@pytest.fixture(scope="module")
def site():
    with Ward(hosts=1) as made:
        manifest = made.prepare()
        made.start_agents()
        made.leader()
        made.agentctl(made.host(1), "--types", made.folder / "types", "apply", "--no-wait", manifest)
        yield made


def longest_pause(times):
    return max(after - before for before, after in zip(times, times[1:]))


def agent_memory(site):
    """KiB of private memory of the agent."""
    pid = site.host(1).daemons["agentd"].pid
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8")
    return sum(int(size) for size in re.findall(r"Private_\w+: +(\d+) kB", text))


def events_of(site, name):
    return [event["message"] for event in site.events(site.host(1)) if event["subject"] == f"w-{name}-1"]


def test_a_restarted_agent_does_not_run_a_script_twice(site):
    """Killed while `start` of slow runs: the guest goes on with it, and the next agent waits for its end."""
    slow = site.inside("slow")

    def begun():
        try:
            return slow.lines("/data/tries")
        except Exception:  # pylint: disable=broad-except  # It has not booted yet.
            return None
    site.wait_until(begun, BOOT_SECONDS, "the script of slow has begun")
    site.restart_agent(site.host(1), signal.SIGKILL)
    site.becomes("slow", {"state": "running"})
    tries = slow.lines("/data/tries")
    assert len(tries) == 2 and tries[1] == "ended", "one run, to its end"


def test_the_well_are_well_beside_all_the_sick(site):
    for name in ("well", "well-2", "well-3"):
        site.becomes(name, {"state": "running", "health": "passing", "reason": "^$"}, BOOT_SECONDS)


def test_a_guest_without_an_agent_is_told(site):
    row = site.becomes("mute", {"state": "booting", "reason": "booting, for .* s|has not answered for"})
    assert row["health"] == "unknown"


def test_a_start_script_that_fails_is_told_with_its_status_its_words_and_the_next_try(site):
    site.becomes("failing", {
        "state": "failed", "reason": r"start of failing failed \d times, next try in \d+ s: exit status 7: "
                                     "cannot open the till$"})


def test_a_start_script_that_hangs_is_killed_with_its_children(site):
    site.becomes("hanging", {
        "state": "failed", "reason": r"start of hanging failed \d times, next try in \d+ s: killed \(its time "
                                     r"limit is 3 s\): waits for the till$"})
    hanging = site.inside("hanging")
    site.wait_until(lambda: hanging.shell("grep -ls 432[1] /proc/[0-9]*/cmdline")[1] == "" or None, 30,
                    "none of its children is left")


def test_a_script_that_prints_a_megabyte_of_rubbish_is_told_in_a_line(site):
    row = site.becomes("loud", {"state": "failed", "reason": "exit status 9: "})
    assert len(row["reason"]) < 1500 and "\n" not in row["reason"]
    site.becomes("chatty", {"state": "running", "health": "passing", "reason": "^$"})


def test_a_check_that_hangs_is_a_check_that_fails(site):
    site.becomes("stuck", {"health": "failing", "reason": r"check of stuck failed 2 times: killed.*asks the till"})


def test_a_check_that_flaps_is_told_and_left_alone(site):
    site.becomes("flapping", {"state": "running", "health": "flapping",
                              "reason": "check of flapping flaps.*the till is closed now and then"})
    flapping = site.inside("flapping")
    checks = int(flapping.lines("/data/n")[0])
    tries, told = flapping.lines("/data/tries"), len(events_of(site, "flapping"))
    site.wait_until(lambda: int(flapping.lines("/data/n")[0]) >= checks + 8, 60, "it was checked 8 times more")
    assert flapping.lines("/data/tries") == tries, "not restarted while it flaps"
    assert len(events_of(site, "flapping")) == told, "and no event for each turn"


def test_tries_get_rarer(site):
    failing = site.inside("failing")

    def pauses():
        tries = failing.times("/data/tries")
        return [after - before for before, after in zip(tries, tries[1:])]
    site.wait_until(lambda: max(pauses()) >= 40, 150, "a pause of 40 s")
    seen = pauses()
    for pause, least in zip(seen[-4:], (5, 10, 20, 40)):
        assert least <= pause < 2 * least + 10, seen  # The first may be from before the agent's restart.
    assert len(events_of(site, "failing")) <= 3 * len(seen) + 13, "a few events for each try"


def test_a_clock_that_jumps_is_nothing(site):
    well = site.inside("well-3")
    for date in ("203701010000", "200001010000"):
        assert well.shell(f"date -s {date}")[0] == 0
        before = len(well.lines("/data/checks"))
        site.wait_until(lambda: len(well.lines("/data/checks")) >= before + 3, 60, "it is checked")
        row = site.rows()["well-3"]
        assert (row["state"], row["health"], row["reason"]) == ("running", "passing", "")


def test_a_guest_that_reboots_itself_or_panics_is_configured_again(site):
    well = site.inside("well-2")
    for command in ("reboot -f", "echo c >/proc/sysrq-trigger"):
        boot = well.lines("/proc/sys/kernel/random/boot_id")
        well.agent("guest-exec", path="/bin/sh", arg=["-c", f"(sleep 0.3; {command}) &"])

        def again():
            try:  # The name comes with the address; `start` and checks follow.
                return well.lines("/proc/sys/kernel/random/boot_id") != boot and \
                    well.lines("/proc/sys/kernel/hostname") == ["w-well-2"] and \
                    well.lines("/run/cierzo/roles/well")
            except Exception:  # pylint: disable=broad-except  # It boots.
                return False
        site.wait_until(again, 120, f"it is configured again after {command}")
        site.becomes("well-2", {"state": "running", "health": "passing", "reason": "^$"})


def test_a_guest_that_cannot_write_is_told_and_heals(site):
    well = site.inside("well-3")
    assert well.shell("mount -t tmpfs -o size=16k full /run; mkdir -p /run/cierzo/log;"
                      "dd if=/dev/zero of=/run/data 2>/dev/null; true")[0] == 0
    site.becomes("well-3", {"reason": "setting its guest's address failed .*No space left on device"})
    assert well.shell("mount -o remount,ro /run")[0] == 0
    site.becomes("well-3", {"state": "failed", "reason": "next try in .*Read-only file system"})
    assert well.shell("umount /run")[0] == 0
    site.becomes("well-3", {"state": "running", "health": "passing", "reason": "^$"})


def test_guests_that_hang_are_unknown_and_hold_up_nobody(site):
    """The agents of five are stopped, whose ports stay open: every question to them waits for its time-out."""
    sick = ("failing", "loud", "chatty", "flapping", "slow")
    well = site.inside("well")
    domains = site.host(1).virsh("list", "--name").split()
    for name in sick:
        site.inside(name).agent("guest-exec", path="/bin/sh", arg=["-c", "(sleep 0.3; kill -STOP $(pidof qemu-ga)) &"])
    for name in sick:
        site.becomes(name, {"reason": "has not answered for"}, 60)
    assert site.rows()["chatty"]["state"] == "unknown"
    begin = well.times("/data/checks")[-1]
    site.wait_until(lambda: well.times("/data/checks")[-1] >= begin + 12, 90, "the well was checked for 12 s")
    times = [time for time in well.times("/data/checks") if time >= begin]
    assert longest_pause(times) < 8, times
    assert site.host(1).virsh("list", "--name").split() == domains, "none was reset or replaced"


def test_a_kernel_that_hangs_is_unknown_and_can_be_reset_by_hand(site):
    slow, stuck = site.inside("stuck"), site.inside("well-2")
    assert slow.running()
    stuck.agent("guest-exec", path="/bin/sh",
                arg=["-c", "echo 0 >/proc/sys/kernel/panic; (sleep 0.3; echo c >/proc/sysrq-trigger) &"])
    site.becomes("well-2", {"state": "unknown", "reason": "virsh console w-well-2 on node1"})
    site.host(1).virsh("reset", "w-well-2")
    site.becomes("well-2", {"state": "running", "health": "passing", "reason": "^$"})


def test_the_agent_stays_small(site):
    assert agent_memory(site) < 40 * 1024
