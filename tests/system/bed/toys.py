"""Small resources of the test's own types, and what their guests say.

bare    `node`: no script, so no guest is waited for; it runs as soon as its domain does
chain   `first`, then `second`: each with start, check and stop, which write on their console
deaf    `node`: its start makes the guest ignore the power button and its guest agent
"""

import json
import pathlib
import re
import shutil

from .guest import Guest
from .site import REPOSITORY, CommandFailed

TYPES = REPOSITORY / "tests" / "system" / "types"
BOOT_SECONDS = 120  # Four small guests under emulation on two cores that others use as well.


class Declared(Guest):
    """A guest that an agent started: asked by the hypervisor, as bed.guest.Guest is."""

    def __init__(self, host, name):  # pylint: disable=super-init-not-called
        self.host, self.name = host, name


def manifest(type_name, title, roles, **attributes):
    """The YAML text of one resource. `roles`: name -> addresses, "10.77.3.1-10.77.3.2"."""
    given = {"ensure": "running", "vm_mem": "128 MiB", **attributes}
    lines = [f"{type_name}:", f"  {title}:"]
    lines += [f"    {key}: {json.dumps(value)}" for key, value in given.items() if key != "image"]
    image = given.get("image", "mini.qcow2")
    lines += [f"    {role}: {{ips: {json.dumps(ips)}, image: {image}}}"
              for role, ips in roles.items()]
    return "\n".join(lines) + "\n"


def shared_image(site):
    """A disk of its own for an instance with `disk: shared`, where every host of the site sees it."""
    shared = site.folder / "shared.qcow2"
    shutil.copy(site.images / "mini.qcow2", shared)
    sidecar = (site.images / "mini.qcow2.yaml").read_text(encoding="utf-8")
    (site.folder / "shared.qcow2.yaml").write_text(
        sidecar.replace("boot/", f"{site.images}/boot/"), encoding="utf-8")
    return str(shared)


def write(site, name, text):
    """Writes a manifest where every host can read it; returns its path."""
    path = site.folder / name
    path.write_text(text, encoding="utf-8")
    return path


def apply(site, host, text, *options, seconds=BOOT_SECONDS, name="toy.yaml"):
    """Applies a manifest's text at `host`; returns what apply said, as an object."""
    return json.loads(site.agentctl(host, "--output", "json", "--types", TYPES, "apply",
                                    write(site, name, text), *options, seconds=seconds))


def refused(site, host, *arguments, seconds=30):
    """Runs an agentctl command that must fail; returns the CommandFailed."""
    try:
        said = site.agentctl(host, *arguments, seconds=seconds)
    except CommandFailed as failed:
        return failed
    raise AssertionError(f"agentctl {arguments} should have failed: {said}")


def resource(site, name, host=None):
    """The row of a resource in `agentctl status`; None where there is none."""
    rows = site.status(host)["resources"]
    return next((row for row in rows if row["name"] == name), None)


def instances(site, name, host=None):
    """Name -> row of the instances of a resource."""
    return {row["name"]: row for row in resource(site, name, host)["instances"]}


def settled(site, name, state, seconds=BOOT_SECONDS):
    """Waits until a resource is in this state."""
    site.wait_until(lambda: (resource(site, name) or {}).get("state") == state, seconds,
                    f"{name} is {state}")


def gone(site, name, seconds=60):
    """Waits until the catalog has no such resource."""
    site.wait_until(lambda: "hosts" in site.status() and resource(site, name) is None, seconds,
                    f"{name} is forgotten")


def console(site, name):
    """What the guest wrote on its console since its last start, wherever it ran last."""
    files = [host.folder / "cierzo" / "state" / "console" / f"{name}.log" for host in site.hosts]
    files = [file for file in files if file.exists()]
    if not files:
        return ""
    newest = max(files, key=lambda file: file.stat().st_mtime)
    return pathlib.Path(newest).read_text(encoding="utf-8", errors="replace")


def said(site, name):
    """The words of chain's scripts in this boot of the guest: ["start first one", ...]."""
    return re.findall(r"chain: ([^\r\n]*)", console(site, name))
