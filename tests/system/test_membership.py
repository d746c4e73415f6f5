"""The members of a site change while it runs: hosts come, vote, go and are replaced by others.

One site for all: three hosts and a witness in its files, of which the witness has no libvirtd; and a
fifth machine that the files do not name.
"""

import json

import pytest

from bed.machines import hypervisors_of
from bed.site import CommandFailed, Site
from bed.toys import apply, instances, manifest, TYPES

WITNESS, NEW = 3, 4


@pytest.fixture(scope="module")
def site():
    """Hosts 1 and 2, host 3 the witness, host 4 not named in their files."""
    with Site(hosts=4, types=[TYPES], outside=[NEW], witnesses=[WITNESS],
              timing="profile: default") as made:
        made.host(WITNESS).stop("libvirtd")
        made.start_agents()
        made.leader()
        yield made


def rows(site):
    """What `agentctl hosts` says, by name."""
    asked = site.leader()
    view = json.loads(site.agentctl(asked, "--output", "json", "hosts"))
    return {row["name"]: row for row in view["hosts"]}


def change(site, *words):
    """agentctl host WORDS, as an object."""
    return json.loads(site.agentctl(site.leader(), "--output", "json", "host", *words))


def refused(site, *words):
    """What agentctl host WORDS says when it is refused."""
    with pytest.raises(CommandFailed) as caught:
        site.agentctl(site.leader(), "host", *words)
    return caught.value.errors


def alive(site, name):
    """Waits until the leader hears that host."""
    site.wait_until(lambda: rows(site).get(name, {}).get("state") == "alive", 30,
                    f"{name} is alive")


def add_words(site, host):
    """What the new host's administrator says of it."""
    return ("add", host.name, "--id", host.number, "--address", f"{host.address}:7400",
            "--key", site.key(host))


def test_a_machine_that_was_not_added_is_not_let_in(site):
    alive(site, "node2")
    assert set(rows(site)) == {"node1", "node2", "node3"}
    assert site.status(site.host(NEW))["local_view"]
    assert "is host 1" not in refused(site, "remove", "node9")
    assert "there is no host node9" in refused(site, "remove", "node9")
    words = add_words(site, site.host(NEW))
    assert "node1's" in refused(site, *words[:3], 1, *words[4:])


def test_a_fourth_host_is_added_and_votes(site):
    new = site.host(NEW)
    assert change(site, *add_words(site, new))["changes"] == [{"name": new.name, "change": "added"}]
    alive(site, new.name)
    assert not rows(site)[new.name]["voter"]
    told = change(site, "set", new.name, "--voter", "yes")
    assert "make the number odd" in told["warnings"][0]
    assert rows(site)[new.name]["voter"]
    change(site, "set", new.name, "--voter", "no")


def test_a_witness_votes_and_runs_nothing(site):
    row = rows(site)["node3"]
    assert row["witness"] and row["voter"] and row["state"] == "alive" and not row["reason"]
    apply(site, site.leader(), manifest("bare", "all", {"node": "10.77.7.1-10.77.7.3"}))
    used = {row["host"] for row in instances(site, "all").values()}
    assert "node3" not in used and used <= {"node1", "node2", "node4"}
    assert not hypervisors_of(site.host(WITNESS))


def test_a_host_that_runs_something_is_not_removed(site):
    busy = next(row["host"] for row in instances(site, "all").values())
    said = refused(site, "remove", busy)
    assert "it still has all-node-" in said and "stop or delete" in said
    site.agentctl(site.leader(), "delete", "--yes", "all", seconds=60)


def test_a_host_is_removed(site):
    site.wait_until(lambda: not any(hypervisors_of(host) for host in site.hosts), 30, "all is gone")
    def removed():
        try:
            return change(site, "remove", "node4")["changes"][0]["change"] == "removed"
        except CommandFailed as caught:  # It has not reported yet that nothing is left.
            assert "it still has" in caught.errors, caught
            return False
    site.wait_until(removed, 30, "node4 is removed")
    assert set(rows(site)) == {"node1", "node2", "node3"}
    site.wait_until(lambda: site.status(site.host(NEW))["local_view"], 30, "node4 hears nothing")


def test_a_dead_machine_is_replaced_under_its_id(site):
    dead = site.host(2)
    dead.power_cut()
    site.wait_until(lambda: rows(site)["node2"]["state"] == "lost", 30, "node2 is lost")
    site.new_machine(dead)
    site.boot(dead)  # Nobody believes it: it has another key.
    assert "that is its key already" in refused(site, "replace", "node1", "--key",
                                                site.key(site.host(1)))
    assert rows(site)["node2"]["state"] == "lost"
    change(site, "replace", "node2", "--key", site.key(dead))
    alive(site, "node2")
    assert rows(site)["node2"]["voter"]


def test_two_hosts_and_a_witness_survive_the_loss_of_a_host(site):
    log = site.host(2).folder / "log" / "agentd.log"
    site.wait_until(lambda: "node2 has the site's state now" in log.read_text(encoding="utf-8"),
                    30, "node2 votes again")
    apply(site, site.leader(),
          manifest("bare", "one", {"node": "10.77.8.1"}, pool=["node1", "node2"]))
    lost = site.host(instances(site, "one")["one-node-1"]["host"])
    left = site.host(3 - lost.number)  # Beside the witness.
    lost.power_cut()
    site.wait_until(lambda: (site.status(left).get("leader") or {}).get("name")
                    in (left.name, "node3"), 30, "one of the two that are left leads")
    site.wait_until(lambda: "one-node-1" in hypervisors_of(left), 60, "it runs on the other host")


def recover(site, host, *words):
    """agentctl site recover on that host, without a question."""
    return json.loads(site.agentctl(host, "--output", "json", "site", "recover", "--yes", *words))


def test_a_wrong_address_ends_the_leader_and_the_site_is_recovered(site):
    """The second voter of two cannot reach the first any more: no leader, and no way to say so."""
    left = next(host for host in site.hosts if host.powered and hypervisors_of(host))
    lost = site.host(3 - left.number)
    before = hypervisors_of(left)["one-node-1"]
    with pytest.raises(CommandFailed) as caught:
        recover(site, left)
    assert "there is a leader" in caught.value.errors
    try:  # Whether it is told that this was stored depends on which of the two hears it first.
        site.agentctl(left, "host", "set", left.name, "--address", "10.77.0.99:7400")
    except CommandFailed:
        pass
    site.wait_until(lambda: site.status(left)["local_view"], 30, "nobody leads")

    def others_suffice():
        with pytest.raises(CommandFailed) as refused_for:
            recover(site, left, "--address", f"{left.name}={left.address}:7400")
        return f"node3, {lost.name}" in refused_for.value.errors or \
            f"{lost.name}, node3" in refused_for.value.errors
    site.wait_until(others_suffice, 30, "it is refused while the other two could elect a leader")
    done = recover(site, left, "--lost", lost.name, "--address",
                   f"{left.name}={left.address}:7400")
    assert done["host"] == left.name and done["lost"] == [lost.name] and done["others"] == ["node3"]
    assert site.leader() == left
    alive(site, "node3")
    assert hypervisors_of(left)["one-node-1"] == before, "the same process runs on"
    assert not rows(site)["node3"]["voter"]
    assert rows(site)["node3"]["witness"], "it runs no VMs, with or without its vote"
    change(site, "set", "node3", "--witness")
    site.wait_until(lambda: rows(site)["node3"]["voter"], 30, "node3 votes again")
    assert rows(site)["node3"]["witness"]
    site.boot(lost)  # With the state of the former site.
    alive(site, lost.name)
    assert hypervisors_of(left)["one-node-1"] == before and not hypervisors_of(lost)
