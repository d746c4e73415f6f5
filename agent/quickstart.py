"""The quickstart's story, told while it happens. Started by agent/quickstart, which says how.

Outside an enclosure this builds programs and images and then runs itself inside one (tests/system/
bed/enclosure.py), where no process, namespace, mount or address can outlive it. The hosts are the
test bed's: what is shown here is what the system tests test.
"""

import argparse
import datetime
import json
import os
import pathlib
import subprocess
import sys
import time
import urllib.error
import urllib.request

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "tests" / "system"))

from bed import enclosure  # noqa: E402  (needs the path above)
from bed.site import BUILD, IMAGES, CommandFailed, Site  # noqa: E402

MANIFEST = "manifests/examples/web.yaml"
RESOURCE = "myweb"
PAGE = "http://10.77.1.10/"  # The balancer's address in the manifest.
UP_SECONDS = 180  # For four machines to boot and be configured under emulation, on two slow cores.
HEAL_SECONDS = 180


class Narrator:
    """Says what happens, in plain words, each line with the seconds since the story began."""

    def __init__(self, stream):
        self.stream = stream
        self._colour = stream.isatty() and "NO_COLOR" not in os.environ
        self._start = time.monotonic()

    def _paint(self, code, text):
        return f"\033[{code}m{text}\033[0m" if self._colour else text

    def chapter(self, text):
        """What is about to happen, and why."""
        print(f"\n{self._paint('1', text)}", file=self.stream, flush=True)

    def say(self, text, mark="   "):
        """Something that happened."""
        seconds = f"{time.monotonic() - self._start:7.1f} s"
        print(f"{self._paint('2', seconds)} {mark} {text}", file=self.stream, flush=True)

    def good(self, text):
        """Something that was hoped for."""
        self.say(text, self._paint("32", "ok "))

    def bad(self, text):
        """Something that was not."""
        self.say(text, self._paint("31", "no "))

    def show(self, text):
        """What a command or a page said, word for word."""
        for line in text.rstrip("\n").splitlines():
            print(f"            | {line}", file=self.stream, flush=True)


# Before the enclosure: what needs the network and stays for the next run.

def prepare(tell):
    """Builds the programs and the images; a second time this takes a moment."""
    tell.chapter("Building agentd and agentctl, and the guest images (the first time: minutes)")
    out = sys.stderr if tell.stream is sys.stderr else sys.stdout
    for command in (["cmake", "--preset", "release", "--log-level=WARNING"],
                    ["ninja", "-C", "build", "agentd", "cierzo-guard", "agentctl"],
                    [str(REPOSITORY / "resources" / "images" / "build"), str(IMAGES)]):
        subprocess.run(command, cwd=REPOSITORY, stdout=out, stdin=subprocess.DEVNULL, check=True)
    tell.good("programs are in build/bin, images in build/images")


# Inside.

def fetch():
    """The page as the balancer serves it, as text; OSError when it is not served."""
    with urllib.request.urlopen(PAGE, timeout=2) as answer:
        return answer.read().decode()


def served():
    """The page, where all three tiers answered for it; else None."""
    try:
        page = fetch()
    except (OSError, urllib.error.URLError):
        return None
    complete = all(word in page for word in ("balancer: ", "server: ", "visit "))
    return page if complete else None


def instances(status):
    """The instances of our resource, by name."""
    for resource in status.get("resources", []):
        if resource["name"] == RESOURCE:
            return {instance["name"]: instance for instance in resource["instances"]}
    return {}


def resource_state(status):
    """The state of our resource; None before it is known."""
    return next((resource["state"] for resource in status.get("resources", [])
                 if resource["name"] == RESOURCE), None)


def seconds_of(text):
    """Seconds since the epoch of an RFC 3339 time, as events have it."""
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class Story:
    """The steps, in order; `result` is what --output json prints."""

    def __init__(self, site, tell):
        self.site, self.tell = site, tell
        self.result = {"served": False}
        self._told = {}  # Instance -> what was last said of it.

    def _follow(self, status):
        """Says what has changed in the instances since the last look."""
        for name, instance in instances(status).items():
            now = (instance["state"], instance["host"], instance["health"])
            before = self._told.get(name)
            if now == before:
                continue
            self._told[name] = now
            if before is None or now[:2] != before[:2]:
                where = f" on {instance['host']}" if instance["host"] else ""
                why = f" ({instance['reason']})" if instance["reason"] else ""
                self.tell.say(f"{name}: {instance['state']}{where}{why}")

    def _running(self):
        """Follows along; true when the resource runs."""
        status = self.site.status()
        self._follow(status)
        return resource_state(status) == "running" and status

    def _status_table(self):
        leader = self.site.leader()
        self.tell.say(f"$ agentctl status                    (asked on {leader.name})")
        self.tell.show(self.site.agentctl(leader, "status"))

    def bring_up(self):
        """Three hosts, a leader."""
        how = {"kvm": "KVM", "qemu": "QEMU's emulation: no guest boots under KVM here"}
        self.tell.chapter("A site of three hosts: node1, node2, node3")
        self.tell.good("each has a network, mounts, processes and a libvirtd of its own; guests "
                       f"run under {how[self.site.virtualization]}")
        # node1 first: the lowest number that is up leads, and the manifest prefers node1 for its
        # machines, so that the power cut below costs both the leader and machines.
        first = self.site.host(1)
        self.site.start_agent(first)
        self.site.wait_until(lambda: self.site.status(first), 10, f"{first.name}'s agent answers")
        self.site.start_agents()
        self.tell.say("an agent (agentd) starts on each; they elect a leader")
        self.tell.good(f"{self.site.leader().name} leads")

    def apply(self):
        """The manifest becomes a running web site."""
        self.tell.chapter(f"Applying {MANIFEST}: a balancer, two web servers and a database")
        self.tell.show((REPOSITORY / MANIFEST).read_text(encoding="utf-8"))
        applied_at = time.monotonic()
        self.site.agentctl(self.site.leader(), "apply", "--no-wait", MANIFEST)
        self.tell.say("stored by a majority; the leader starts machines and configures them")
        self.site.wait_until(self._running, UP_SECONDS, f"{RESOURCE} runs", poll=0.3)
        page = self.site.wait_until(served, 30, "the page is served", poll=0.2)
        self.result["served"] = True
        self.result["first_served_s"] = round(time.monotonic() - applied_at, 3)
        self.tell.good(f"{PAGE} answers, {self.result['first_served_s']:.1f} s after apply; "
                       "all three tiers took part:")
        self.tell.show(page)
        self._status_table()

    def cut_the_leader(self):
        """Power off the host that leads; measure how the site heals."""
        before = self.site.status()
        leader = self.site.host(before["leader"]["name"])
        lost = sorted(name for name, instance in instances(before).items()
                      if instance["host"] == leader.name)
        self.result["leader_before"] = leader.name
        self.tell.chapter(f"Cutting the power of {leader.name}: it leads, and it runs "
                          f"{', '.join(lost) or 'no machine'}")
        cut_time = time.time()  # Before the cut: every duration counts a little too much, not less.
        cut_at = leader.power_cut()
        self.tell.say(f"{leader.name}: link down, then every process killed")

        def successor():
            now = self.site.status().get("leader")
            return now and now["name"] != leader.name and now["name"]
        after = self.site.wait_until(successor, 30, "another host leads", poll=0.02)
        self.result["leader_after"] = after
        self.tell.good(f"{after} leads now")

        last_failure, first_success = cut_at, None

        def healed():
            nonlocal last_failure, first_success
            page = served()
            now = time.monotonic()
            if page is None:
                last_failure, first_success = now, None
            elif first_success is None:
                first_success = now
                self.tell.good("the page is served")
            status = self.site.status()
            self._follow(status)
            moved = instances(status)
            replaced = all(moved[name]["state"] == "running" and moved[name]["host"] != leader.name
                           for name in lost)
            return page if replaced and resource_state(status) == "running" else None
        page = self.site.wait_until(healed, HEAL_SECONDS, f"{RESOURCE} runs again", poll=0.2)
        self._measure(cut_time, lost, first_success - cut_at)
        self.tell.show(page)
        if any("database" in name for name in lost):
            self.tell.say("the database's disk went with its host: it began to count from 1 again")
        self._status_table()
        self.tell.say(f"no leader for {self.result['leaderless_ms']} ms; every replacement ordered "
                      f"within {self.result['replace_issued_ms']} ms; the page served again "
                      f"{self.result['served_again_s']:.1f} s after the power cut")

    def _measure(self, cut_time, lost, served_again):
        """Takes the times of the new leader's events: no polling can be as exact."""
        events = [event for event in self.site.events(self.site.leader())
                  if seconds_of(event["time"]) >= cut_time]

        def first(kind, subject, words=""):
            """Seconds from the cut to the first such event."""
            return next(seconds_of(event["time"]) for event in events
                        if event["kind"] == kind and event["subject"] == subject
                        and words in event["message"]) - cut_time
        # The same kind tells that no leader is known; only the words differ.
        self.result["leaderless_ms"] = round(
            1000 * first("leader", self.result["leader_after"], " leads"))
        self.result["replaced"] = lost
        self.result["replace_issued_ms"] = round(
            1000 * max((first("start", name) for name in lost), default=0))
        self.result["served_again_s"] = round(served_again, 3)


COMMANDS = """\
  page                      fetch the page through the balancer
  cut node2                 cut the power of a host
  boot node2                give it power again
  on node3 virsh list       run a command on a host
  exit                      take everything down (Ctrl-D or Ctrl-C do too)
Everything else is agentctl's, for example:
  status    hosts    events    plan    types
  stop myweb    start myweb    apply manifests/examples/web.yaml"""


def play(site, tell):
    """A prompt to try things at, until the end of input."""
    import readline  # noqa: F401  pylint: disable=unused-import,import-outside-toplevel  (history)
    tell.chapter("The site is yours now. Commands:")
    print(COMMANDS)
    while True:
        try:
            words = input("cierzo> ").split()
        except (EOFError, KeyboardInterrupt):
            print()
            return
        try:
            if words == ["exit"]:
                return
            if words:
                play_command(site, words)
        except KeyboardInterrupt:
            print()  # It ended the command, not the site.
        except (CommandFailed, RuntimeError, OSError, LookupError) as error:
            print(error)
        except StopIteration:
            print("there are node1, node2 and node3")


def play_command(site, words):
    """One line of the prompt."""
    verb, rest = words[0], words[1:]
    if verb == "page":
        print(fetch(), end="")
    elif verb == "cut" and len(rest) == 1:
        host = site.host(rest[0])
        if host.powered:
            host.power_cut()
        print(f"{host.name} has no power")
    elif verb == "boot" and len(rest) == 1:
        host = site.host(rest[0])
        if not host.powered:
            site.boot(host)
            site.wait_until(lambda: site.status(host), 30, f"the agent of {host.name} answers")
        print(f"{host.name} is up")
    elif verb == "on" and len(rest) >= 2:
        subprocess.run([*site.host(rest[0]).enter, *rest[1:]], check=False)
    elif verb == "help":
        print(COMMANDS)
    else:
        powered = [host for host in site.hosts if host.powered]
        if not powered:
            print("no host has power; try: boot node1")
            return
        subprocess.run(site.agentctl_command(powered[0], *words), check=False)


def tell_story(options, tell):
    """Inside the enclosure: the whole story; the exit status."""
    story = None
    try:
        with Site(hosts=3) as site:
            story = Story(site, tell)
            try:
                story.bring_up()
                story.apply()
                story.cut_the_leader()
            except Exception:
                site.save_logs(BUILD / "logs" / "quickstart")
                tell.bad("the hosts' logs are in build/logs/quickstart")
                raise
            tell.chapter("All of it happened.")
            if not options.once:
                play(site, tell)
        tell.good("everything is taken down")
        return 0
    except KeyboardInterrupt:
        tell.say("interrupted; everything is taken down")
        return 130
    except Exception as error:  # pylint: disable=broad-except  (whatever it is, it is told)
        tell.bad(f"{error}")
        if story is not None:
            story.result["error"] = str(error).partition("\n---")[0]  # Without the logs.
        return 1
    finally:
        if options.output == "json" and story is not None:
            print(json.dumps(story.result), flush=True)


def main():
    """Outside: prepare and enter; inside: the story. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="agent/quickstart")
    parser.add_argument("--once", action="store_true")
    parser.add_argument("--output", choices=["text", "json"], default="text")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.output == "json" and not options.once:
        parser.error("--output json goes with --once")
    tell = Narrator(sys.stderr if options.output == "json" else sys.stdout)
    if not sys.stdin.isatty() and not options.once:
        options.once = True
        tell.say("no terminal to play at: running once, as with --once")
    if options.inside:
        return tell_story(options, tell)
    if os.geteuid() != 0:
        print("quickstart failed: it makes namespaces and virtual machines; run it as root",
              file=sys.stderr)
        return 2
    try:
        prepare(tell)
    except subprocess.CalledProcessError as error:
        print(f"quickstart failed: {' '.join(error.cmd)} ended with {error.returncode}",
              file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return enclosure.run([enclosure.PYTHON, __file__, "--inside", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
