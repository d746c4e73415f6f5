"""What a site lacks is said for each instance, harms nothing else, and heals when it is mended."""

import pathlib
import re
import shutil
import signal

import pytest

from bed import enclosure
from bed.machines import hypervisors, hypervisors_of
from bed.site import IMAGES, Site
from bed.toys import apply, instances, manifest, refused, resource, settled, write, TYPES

# Four resources that each lack something, and one that lacks nothing, in one apply.
HOSTS = 3
NOWHERE = "later.qcow2"
ABSOLUTE = "/run/later/disk.qcow2"


@pytest.fixture(scope="module")
def site():
    """With a folder of images that the tests may add to."""
    images = enclosure.scratch() / "images"
    images.mkdir()
    for entry in IMAGES.iterdir():
        (images / entry.name).symlink_to(entry)
    with Site(hosts=HOSTS, images=images) as made:
        yield made


def bare(name, ips, **attributes):
    return manifest("bare", name, {"node": ips}, **attributes)


def reason(site, name):
    rows = instances(site, name)
    return rows[f"{name}-node-1"]["reason"]


@pytest.fixture(scope="module")
def lacking(site):
    site.start_agents()
    leader = site.leader()
    big = bare("big", "10.77.6.31-10.77.6.32", pool=["node1", "node2"], vm_mem="1400 MiB")
    apply(site, leader, big)
    folder = site.folder / "lacking"
    folder.mkdir()
    for name, body in {
            "noimage": bare("noimage", "10.77.6.11", image=NOWHERE),
            "nohost": bare("nohost", "10.77.6.12", pool=["node9"]),
            "nomemory": bare("nomemory", "10.77.6.13", pool=["node1", "node2"], vm_mem="1 GiB"),
            "nowhere": bare("nowhere", "10.77.6.14", image=ABSOLUTE),
            "fine": bare("fine", "10.77.6.15-10.77.6.16"),
    }.items():
        (folder / f"{name}.yaml").write_text(body, encoding="utf-8")
    site.agentctl(leader, "--types", TYPES, "apply", folder, "--no-wait")
    return site


def test_each_lack_is_said_and_everything_else_converges(lacking):
    settled(lacking, "fine", "running", 60)
    lacking.wait_until(lambda: "has no image " + ABSOLUTE in reason(lacking, "nowhere"), 10,
                       "every host has said that it has no such image")
    assert {f"fine-node-{i}" for i in (1, 2)} <= set(hypervisors())
    for host in ("node1", "node2", "node3"):
        assert f"{host} has no image {NOWHERE}" in reason(lacking, "noimage")
        assert f"{host} has no image {ABSOLUTE}" in reason(lacking, "nowhere")
    assert "node9 is in its pool but no host of this site" in reason(lacking, "nohost")
    assert "node1 has" in reason(lacking, "nomemory")
    assert "of memory free, not 1024 MiB" in reason(lacking, "nomemory")
    for name in ("noimage", "nohost", "nomemory", "nowhere"):
        row = resource(lacking, name)
        assert row["state"] == "failed"
        assert row["instances"][0]["state"] == "absent"
        assert reason(lacking, name).startswith("no host can take it: ")


def test_an_image_that_is_copied_into_place_is_used(lacking):
    for source in (IMAGES / "mini.qcow2", IMAGES / "mini.qcow2.yaml"):
        shutil.copy(source, lacking.images / source.name.replace("mini", "later"))
    settled(lacking, "noimage", "running", 30)


def test_an_absolute_image_that_appears_on_one_host_is_used_there(lacking):
    host = lacking.host(2)  # /run is each host's own.
    host.run("mkdir", "-p", pathlib.Path(ABSOLUTE).parent)
    host.run("cp", IMAGES / "mini.qcow2", ABSOLUTE)
    settled(lacking, "nowhere", "running", 30)
    assert "nowhere-node-1" in hypervisors_of(host)


def test_memory_that_another_resource_frees_is_used(lacking):
    before = hypervisors()
    lacking.agentctl(lacking.leader(), "stop", "big", seconds=90)
    settled(lacking, "nomemory", "running", 30)
    assert {name: pid for name, pid in hypervisors().items() if name != "nomemory-node-1"} == {
        name: pid for name, pid in before.items() if not name.startswith("big")}


def test_a_pool_that_is_mended_is_used(lacking):
    apply(lacking, lacking.host(2), bare("nohost", "10.77.6.12", pool=["node9", "node3"]))
    assert "nohost-node-1" in hypervisors_of(lacking.host(3))


def test_a_hypervisor_that_is_down_is_named_and_used_when_it_is_back(lacking):
    before = hypervisors()
    host = lacking.host(3)
    host.stop("libvirtd", signal.SIGKILL)
    leader = lacking.leader()
    lacking.wait_until(lambda: "hypervisor does not answer" in lacking.agentctl(leader, "hosts"),
                       30, "its loss is noticed")
    apply(lacking, leader, bare("late", "10.77.6.41", pool=["node3"]), "--no-wait")
    lacking.wait_until(lambda: "node3 has a hypervisor that does not answer"
                       in reason(lacking, "late"), 10, "the reason is shown")
    apply(lacking, leader, bare("elsewhere", "10.77.6.42", pool=["node1"]))
    assert {name: hypervisors()[name] for name in before} == before
    host.start_libvirtd()
    settled(lacking, "late", "running", 60)
    assert {name: hypervisors()[name] for name in before} == before


def test_mistakes_are_refused_all_at_once_with_their_places(lacking):
    before = hypervisors()
    folder = lacking.folder / "mistakes"
    folder.mkdir()
    wrong_template = folder / "wrong.xml"
    wrong_template.write_text("<domain><name>no end", encoding="utf-8")
    one = write(lacking, "mistakes/one.yaml", f"""\
bare:
  twice:
    ensure: running
    node: {{ips: [10.77.6.50, 10.77.6.50], image: mini.qcow2}}
  missing:
    ensure: running
    node: {{ips: /nowhere/ips.txt, image: mini.qcow2}}
  template:
    ensure: running
    node: {{ip: 10.77.6.52, image: mini.qcow2}}
    vm_domain: {wrong_template}
""")
    said = refused(lacking, lacking.host(1), "--types", TYPES, "apply", one)
    assert said.status == 2
    assert f"{one}:4:30: bare.twice.node: has the address 10.77.6.50 twice" in said.errors
    assert f"{one}:7:17: bare.missing.node: /nowhere/ips.txt: No such file" in said.errors
    assert f"{wrong_template}:1:20: bare.template.vm_domain: is no XML" in said.errors
    assert "3 mistakes" in said.errors and "nothing was changed" in said.errors
    assert resource(lacking, "twice") is None and hypervisors() == before


def test_an_address_that_another_resource_uses_is_refused_with_its_place(lacking):
    before = hypervisors()
    (lacking.folder / "clash").mkdir()
    two = write(lacking, "clash/two.yaml", """\
bare:
  left:
    ensure: running
    node: {ips: [10.77.6.60, 10.77.6.61], image: mini.qcow2}
  right:
    ensure: running
    node:
      ips:
        - 10.77.6.62
        - 10.77.6.61
      image: mini.qcow2
""")
    said = refused(lacking, lacking.host(1), "--types", TYPES, "apply", two)
    assert said.status == 2
    assert re.search(rf"{two}:10:\d+: 10.77.6.61: used by left-node-2 \({two}:4:\d+\)"
                     " and by right-node-2", said.errors), said.errors
    # Across two applies: the agent knows the other one, and only this one has a place.
    three = write(lacking, "clash/three.yaml", """\
bare:
  thief:
    ensure: running
    node: {ips: [10.77.6.70, 10.77.6.15], image: mini.qcow2}
  other:
    ensure: running
    node: {ip: 10.77.6.16, image: mini.qcow2}
""")
    said = refused(lacking, lacking.host(3), "--types", TYPES, "apply", three)
    assert said.status == 2
    for place, address, theirs, ours in ((4, "10.77.6.15", "fine-node-1", "thief-node-2"),
                                         (7, "10.77.6.16", "fine-node-2", "other-node-1")):
        assert re.search(rf"{three}:{place}:\d+: {address}: used by {theirs}.* and by {ours}",
                         said.errors), said.errors
    assert "nothing was changed" in said.errors
    assert resource(lacking, "thief") is None and hypervisors() == before
