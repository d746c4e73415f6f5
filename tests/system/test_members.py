"""Machines that come and go, on three real hosts: a head is told of its nodes, one that is scaled away drains, leaves
and stops, in this order and under another leader too.

One site; the tests live on it in this order. What was done is read from the guests' disks and consoles.
"""

import json
import re
import signal

import pytest

from bed import toys

HEAD = "farm-head-1"
NODES = ["farm-node-1", "farm-node-2"]
TOLD = [f"{name} 10.77.5.{number}" for number, name in enumerate(NODES, 11)]
MANIFEST = toys.manifest("farm", "farm", {"head": "10.77.5.10"}) + (
    "    node: {ips: 10.77.5.11-10.77.5.13, image: mini.qcow2, count: 2}\n")


@pytest.fixture(scope="module", autouse=True)
def resource(site):
    """A head and two nodes, of three that are declared; nobody waits for them."""
    site.start_agents()
    site.leader()
    toys.apply(site, site.host(1), MANIFEST, "--no-wait")


def domains(site):
    """The guests of the resource that the hypervisors have: name -> host."""
    return {name: host for host in site.hosts for name in host.virsh("list", "--name").split()
            if name.startswith("farm-")}


def inside(site, name):
    return toys.Declared(domains(site)[name], name)


def told(site):
    """What the head was told, in order."""
    return inside(site, HEAD).shell("cat /data/told 2>/dev/null")[1].splitlines()


def row(site, name):
    return toys.instances(site, "farm").get(name)


def test_the_head_is_told_of_every_node_that_has_started(site):
    toys.settled(site, "farm", "running")
    assert sorted(told(site)) == [f"join {TOLD[0]} 1", f"join {TOLD[1]} 2"]
    for name in NODES:
        assert inside(site, name).shell("cat /data/done")[1] == "start\n"


def test_what_the_head_has_said_is_there_for_its_nodes(site):
    url, ticket = inside(site, NODES[0]).shell("cat /data/given")[1].split()
    assert url == "http://10.77.5.10/" and re.fullmatch("of-[0-9a-f]{64}", ticket), "a secret that was made up"
    assert inside(site, NODES[1]).shell("cat /data/given")[1].split() == [url, ticket]
    shown = site.agentctl(site.host(2), "outputs", "farm")
    rows = [line.split(maxsplit=3) for line in shown.splitlines()[1:]]
    assert sorted(rows) == [[HEAD, "head", "ticket", "(a secret)"], [HEAD, "head", "url", url]]
    whole = site.agentctl(site.host(2), "--output", "json", "status", "farm")
    whole += json.dumps(site.events(site.leader()))
    assert ticket not in whole and ticket[3:] not in whole
    # It is what they were started with: the same manifest again changes nothing.
    manifest = toys.write(site, "again.yaml", MANIFEST)
    assert "nothing to do" in site.agentctl(site.host(2), "--types", toys.TYPES, "plan", manifest)


def test_a_node_that_was_replaced_is_told_again(site):
    host = domains(site)["farm-node-1"]
    host.virsh("destroy", "farm-node-1")
    site.wait_until(lambda: domains(site).get("farm-node-1") and len(told(site)) == 3, toys.BOOT_SECONDS,
                    "the head is told again")
    assert told(site)[-1] == f"join {TOLD[0]} 1"
    toys.settled(site, "farm", "running")


def test_a_node_with_work_drains_also_under_another_leader(site):
    assert inside(site, "farm-node-2").shell("touch /data/work")[0] == 0
    before = told(site)
    site.agentctl(site.host(1), "scale", "farm", "node=1", "--no-wait")

    def draining():
        seen = row(site, "farm-node-2")
        return seen and seen["state"] == "draining" and "some work is left" in seen["reason"]
    site.wait_until(draining, 60, "it drains")
    first = site.leader()
    site.restart_agent(first, signal.SIGKILL)
    site.leader()
    site.wait_until(draining, 60, "it drains under the next leader")
    assert "farm-node-2" in domains(site) and told(site) == before, "its work goes on, and it is not let go"


def test_it_leaves_and_stops_when_its_work_is_done(site):
    assert inside(site, "farm-node-2").shell("rm /data/work")[0] == 0
    site.wait_until(lambda: "farm-node-2" not in domains(site), 90, "it is gone")
    assert told(site)[-1] == f"leave {TOLD[1]} 2", "told while it still answered"
    # Its console went with it: what was done there last is what the leader has told.
    told_of_it = [event["message"] for event in site.events(site.leader())
                  if "farm-node-2" in event["message"]]
    steps = ["run leave of node for farm-node-2", "run stop of node in farm-node-2", "stop farm-node-2 with its disk"]
    assert [step for line in told_of_it for step in steps if line.startswith(step)] == steps
    site.wait_until(lambda: row(site, "farm-node-2") is None, 30, "status has it no more")
    assert not [disk for host in site.hosts for disk in host.folder.rglob("farm-node-2.qcow2")]


def test_scaled_up_again_it_joins_again(site):
    site.agentctl(site.host(1), "scale", "farm", "node=2", seconds=toys.BOOT_SECONDS)
    assert told(site)[-1] == f"join {TOLD[1]} 2"


def test_the_emptiest_is_scaled_away_first(site):
    assert inside(site, "farm-node-2").shell("echo 5 >/data/load")[0] == 0
    site.wait_until(lambda: [row(site, name)["load"] for name in NODES] == ["node=0", "node=5"], 30,
                    "both say how busy they are")
    site.agentctl(site.host(1), "scale", "farm", "node=1", "--no-wait")
    site.wait_until(lambda: "farm-node-1" not in domains(site), 90, "the one without work is gone")
    assert "farm-node-2" in domains(site) and told(site)[-1] == f"leave {TOLD[0]} 1"


def test_what_the_manifest_has_no_more_drains_too(site):
    assert inside(site, "farm-node-2").shell("touch /data/work")[0] == 0
    one = MANIFEST.replace("10.77.5.11-10.77.5.13", "10.77.5.11").replace("count: 2", "count: 1")
    toys.apply(site, site.host(1), one, "--no-wait")

    def draining():
        seen = row(site, "farm-node-2")
        return seen and seen["state"] == "draining" and "some work is left" in seen["reason"]
    site.wait_until(draining, 60, "it drains")
    assert inside(site, "farm-node-2").shell("rm /data/work")[0] == 0
    site.wait_until(lambda: "farm-node-2" not in domains(site), 90, "it is gone")
    site.wait_until(lambda: row(site, "farm-node-2") is None, 30, "status has it no more")
