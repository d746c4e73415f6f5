"""The machines of the thesis, as its manifests expect them, made of the bed's hosts.

Its hosts have the addresses 155.210.155.70 and up, and files that its manifests name: lists of
addresses and images and a template under /etc/puppet/modules, images under /var/tmp. So a manifest
of manifests/examples is applied here as it stands.

What the lists say is the thesis' too (three compute nodes, two servers, two open machines). The
template differs from it in one word: no QEMU of today has the machine type pc-0.14.

TORQUE and AppScale are STAND-INS (tests/standins); the guests are the bed's own small images.

The types are the repository's but for one thing: they check every 2 s, so that a module that kills
every daemon of its type does not mostly wait.
"""

import pathlib
import re
import shutil

from . import image
from .network import Network
from .site import IMAGES, REPOSITORY, Site

NETWORK = Network("155.210.155.0/24", "155.210.155.1", "155.210.155.70")
MANIFESTS = REPOSITORY / "manifests" / "examples"
STAND_INS = REPOSITORY / "tests" / "standins"

TEMPLATE = """\
<domain type='kvm'>
  <name><%= vm[:name] %></name>
  <uuid><%= vm[:uuid] %></uuid>
  <memory><%= vm[:mem] %></memory>
  <currentMemory><%= vm[:mem] %></currentMemory>
  <vcpu><%= vm[:ncpu] %></vcpu>
  <os>
    <type arch='x86_64' machine='pc'>hvm</type>
    <boot dev='hd'/>
  </os>
  <features><acpi/><apic/><pae/></features>
  <clock offset='utc'/>
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>restart</on_reboot>
  <on_crash>restart</on_crash>
  <devices>
    <emulator>/usr/bin/kvm</emulator>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2'/>
      <source file='<%= vm[:disk] %>'/>
      <target dev='vda' bus='virtio'/>
    </disk>
    <interface type='bridge'>
      <source bridge='br0'/>
      <target dev='vnet0'/>
      <mac address="<%= vm[:mac] %>"/>
      <model type='virtio'/>
      <address type='pci' domain='0x0000' bus='0x00' slot='0x03' function='0x0'/>
    </interface>
    <console type='pty'><target port='0'/></console>
    <serial type='pty'><target port='0'/></serial>
    <graphics type='vnc' port='5900' autoport='yes' listen='127.0.0.1'/>
    <video><model type='cirrus' vram='9216' heads='1'/></video>
  </devices>
</domain>
"""

# Lists end without a newline, as some of the thesis' do.
FILES = {
    "torque/files/compute-ips.txt": "155.210.155.177\n155.210.155.178\n155.210.155.175",
    "torque/files/compute-imgs.txt":
        "/var/tmp/lucid-tor2.img\n/var/tmp/lucid-tor3.img\n/var/tmp/lucid-tor4.img",
    "torque/files/template.xml": TEMPLATE,
    "web/files/server-ips.txt": "155.210.155.73\n155.210.155.178",
    "web/files/server-imgs.txt": "/var/tmp/lucid-web.img\n/var/tmp/lucid-web2.img",
    "web/files/template.xml": TEMPLATE,
    "appscale/files/open-ips.txt": "155.210.155.177\n155.210.155.178",
    "appscale/files/open-imgs.txt": "/var/tmp/lucid-app2.img\n/var/tmp/lucid-app3.img",
    "appscale/files/template.xml": TEMPLATE,
}
IMAGE_NAMES = {
    "torque": ["lucid-tor1", "lucid-tor2", "lucid-tor3", "lucid-tor4"],
    "web": ["lucid-lb", "lucid-web", "lucid-web2", "lucid-db"],
    "appscale": ["lucid-app1", "lucid-app2", "lucid-app3"],
}

# Only /data of a guest of the bed is a disk: what must outlive a reboot lies there.
TORQUE_BOOT = """\
#!/bin/sh
mkdir -p /data/torque /var/spool
ln -s /data/torque /var/spool/torque
"""
APPSCALE_BOOT = """\
#!/bin/sh
mkdir -p /data/appscale /data/cierzo /root
ln -s /data/appscale /root/.appscale
ln -s /data/cierzo /root/cierzo
cp /root/.ssh/authorized /data/appscale/appscale.key
"""


def stand_in_image(kind, target):
    """Makes an image of the stand-in `torque` or `appscale`."""
    files = image.perl("strict", "warnings", "Socket", "POSIX")
    stand_in = (STAND_INS / kind).read_text(encoding="utf-8")
    if kind == "torque":
        programs = [f"/usr/local/sbin/{name}" for name in (
            "pbs_server", "pbs_mom", "pbs_sched", "trqauthd", "qmgr", "qsub", "qstat", "qterm",
            "pbsnodes", "qrerun", "qdel")]
        files["/etc/rc.standin"] = TORQUE_BOOT
        inittab = "::sysinit:/etc/rc.standin\n"
    else:
        tools = "/usr/local/appscale-tools/bin"
        programs = [f"{tools}/appscale-run-instances", f"{tools}/appscale-terminate-instances",
                    "/usr/local/sbin/AppController", "/usr/local/sbin/sshd"]
        files["/etc/rc.standin"] = APPSCALE_BOOT
        files["/root/.ssh/authorized"] = "the key of every machine of this image\n"
        inittab = "::sysinit:/etc/rc.standin\n::once:/usr/local/sbin/sshd\n"
    files.update({path: stand_in for path in programs})
    image.add_to_mini(IMAGES, target, files, inittab)


def make_images(kind, folder):
    """Makes the images that the thesis' manifest of this type names, in `folder`."""
    if kind == "web":
        first = IMAGES / "web.qcow2"
        settings = pathlib.Path(f"{first}.yaml").read_text(encoding="utf-8").replace(
            "boot/", f"{IMAGES}/boot/")
    else:
        first = folder / f"{kind}.qcow2"
        stand_in_image(kind, first)
        settings = pathlib.Path(f"{first}.yaml").read_text(encoding="utf-8")
    for name in IMAGE_NAMES[kind]:
        shutil.copy(first, folder / f"{name}.img")
        (folder / f"{name}.img.yaml").write_text(settings, encoding="utf-8")


def impatient_type(kind, folder):
    """A folder with the built-in type `kind`, its checks made every 2 s."""
    copy = folder / "types" / kind
    shutil.copytree(REPOSITORY / "resources" / "types" / kind, copy)
    file = copy / "type.yaml"
    text, found = re.subn(r"every: \d+s", "every: 2s", file.read_text(encoding="utf-8"))
    assert found > 0, f"{kind} has no check"
    file.write_text(text, encoding="utf-8")
    return copy.parent


def thesis_site(kind, folder, hosts=3):
    """A site of the thesis' machines, prepared in the empty folder `folder` for one type."""
    modules = folder / "puppet" / "modules"
    for path, text in FILES.items():
        file = modules / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    tmp = folder / "tmp"
    tmp.mkdir()
    make_images(kind, tmp)
    # The manifests leave vm_mem at its default, 1 GiB, and put all machines on one host.
    return Site(hosts=hosts, network=NETWORK, memory="6 GiB", types=[impatient_type(kind, folder)],
                own={"/etc/puppet": folder / "puppet", "/var/tmp": tmp})


def widened(manifest, folder):
    """The manifest with all hosts in its pool and nothing else changed; the path of that file."""
    text = (MANIFESTS / manifest).read_text(encoding="utf-8")
    narrow = 'pool      => ["155.210.155.70"]'
    assert text.count(narrow) == 1, f"{manifest} has another pool than the thesis'"
    file = folder / manifest
    file.write_text(text.replace(
        narrow, 'pool      => ["155.210.155.70", "155.210.155.71", "155.210.155.72"]'),
        encoding="utf-8")
    return file
