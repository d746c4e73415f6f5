"""The appscale type's start and stop against the stand-in for AppScale's tools, on this machine: what
they write for the tools, of 2012 and the last ones, and that these accept it.

The enclosure has a file system and processes of its own: /root is made here. The machines are
addresses of the loopback, on which somebody takes every order of the tools.
"""

import contextlib
import os
import re
import socketserver
import subprocess
import threading

import pytest

from bed.site import IMAGES, REPOSITORY
from bed.thesis import STAND_INS

SCRIPTS = REPOSITORY / "resources" / "types" / "appscale"
ROLES = ["controller", "servers", "master", "appengine", "compute", "database", "login", "open",
         "zookeeper", "memcache", "rabbitmq", "taskqueue", "search", "search2", "load_balancer"]
A, B, C, D = (f"127.0.9.{number}" for number in range(1, 5))


class Orders(socketserver.BaseRequestHandler):
    """Takes an order, whatever it is. What looks whether the port is open says nothing."""

    def handle(self):
        while self.request.recv(4096):
            pass
        self.request.sendall(b"done\n")


class Master:
    """The machine of the controller or the master."""

    def __init__(self, folder, home):
        self.folder, self.home = folder, home
        (folder / "busybox").mkdir()
        subprocess.run(["cpio", "--extract", "--quiet", "--make-directories", "bin/busybox"],
                       cwd=folder / "busybox", check=True,
                       stdin=open(IMAGES / "boot" / "mini.cpio", "rb"))
        (folder / "nc").symlink_to(folder / "busybox" / "bin" / "busybox")
        self.install(["appscale-run-instances", "appscale-terminate-instances"])

    def install(self, programs):
        """Has these tools and no others."""
        for path in self.folder.glob("appscale*"):
            path.unlink()
        for program in programs:
            (self.folder / program).symlink_to(STAND_INS / "appscale")
        subprocess.run(["rm", "-rf", self.home / ".appscale", self.home / "cierzo"], check=True)
        (self.home / ".appscale").mkdir()
        (self.home / ".appscale" / "appscale.key").write_text("a key\n", encoding="utf-8")

    def script(self, name, **roles):
        """Runs a script where machines have these roles; (exit status, what it said)."""
        attributes = {f"CIERZO_ATTRIBUTE_{name.upper()}": roles.pop(name, "")
                      for name in ("replication", "app_email", "app_password")}
        environment = {"PATH": f"{self.folder}:{os.environ['PATH']}", "CIERZO_RESOURCE": "p",
                       "CIERZO_ADDRESS": A, **attributes,
                       **{f"CIERZO_ADDRESSES_{role.upper()}": roles.pop(role, "") for role in ROLES}}
        assert not roles, roles
        text = (SCRIPTS / name).read_text(encoding="utf-8")
        done = subprocess.run(["/bin/sh", "-c", text], env=environment, timeout=60, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False, cwd="/")
        return done.returncode, done.stdout

    def ips(self):
        """ips.yaml: role -> addresses."""
        lists = {}
        for line in (self.home / "cierzo" / "ips.yaml").read_text(encoding="utf-8").splitlines()[1:]:
            if line.startswith(":"):
                addresses = lists.setdefault(line.strip(":"), [])
            else:
                addresses.append(line.removeprefix("- "))
        return lists

    def appscalefile(self):
        """AppScalefile: (address -> roles, key -> value of the rest)."""
        file = self.home / "cierzo" / "AppScalefile"
        assert file.stat().st_mode & 0o77 == 0, "it has the password"
        text = file.read_text(encoding="utf-8")
        layout = {address: set(roles.split(", ")) for roles, address in
                  re.findall(r"^- roles: \[(.*)\]\n  nodes: (.*)$", text, re.MULTILINE)}
        return layout, dict(re.findall(r"^(\w+): (.*)$", text, re.MULTILINE))


@pytest.fixture(name="master", scope="module")
def fixture_master(tmp_path_factory, request):
    """The master; every address of this machine takes orders at the port of ssh."""
    folder = tmp_path_factory.mktemp("appscale")
    home = request.config.rootpath.__class__("/root")
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(home)], check=True)
    socketserver.ThreadingTCPServer.allow_reuse_address = True
    with socketserver.ThreadingTCPServer(("", 22), Orders) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Master(folder, home)
        server.shutdown()
    subprocess.run(["umount", str(home)], check=True)


# Name, the roles as scripts get them (what is brought along is in the lists), ips.yaml,
# AppScalefile.
SIMPLE = {"controller": A, "servers": f"{B} {C}", "database": f"{A} {B} {C}", "zookeeper": A,
          "memcache": f"{A} {B} {C}", "login": A, "rabbitmq": f"{A} {B} {C}",
          "appengine": f"{B} {C}", "load_balancer": f"{A} {B} {C}"}
ONE = {"controller": A, "database": A, "zookeeper": A, "memcache": A, "login": A, "rabbitmq": A,
       "appengine": A, "load_balancer": A}
THESIS = {"master": A, "appengine": A, "database": A, "login": A, "open": f"{B} {C}",
          "zookeeper": A, "memcache": A, "rabbitmq": A, "load_balancer": A}
LAYOUTS = {
    "a controller and servers": (
        SIMPLE, {"controller": [A], "servers": [B, C]},
        {A: {"master", "database", "memcache", "zookeeper", "taskqueue"},
         B: {"compute", "database", "memcache", "taskqueue", "load_balancer"},
         C: {"compute", "database", "memcache", "taskqueue", "load_balancer"}}),
    "a controller alone": (
        ONE, {"controller": [A]},
        {A: {"master", "database", "memcache", "zookeeper", "taskqueue", "compute"}}),
    "the thesis'": (
        THESIS, {"master": [A], "appengine": [A], "database": [A], "login": [A], "open": [B, C],
                 "zookeeper": [A], "memcache": [A], "rabbitmq": [A]},
        {A: {"master", "compute", "database", "zookeeper", "taskqueue"}, B: {"open"}, C: {"open"}}),
    "of the last tools": (
        {"master": A, "compute": f"{B} {C}", "database": f"{C} {B}", "zookeeper": f"{B} {C} {D} {A}",
         "memcache": f"{C} {B}", "load_balancer": f"{D} {A}", "taskqueue": D, "rabbitmq": A,
         "login": A},
        {"master": [A], "appengine": [B, C], "database": [C, B], "login": [A],
         "zookeeper": [B, C, D, A], "memcache": [C, B], "rabbitmq": [D]},
        {A: {"master", "load_balancer"}, B: {"compute", "database", "zookeeper"},
         C: {"compute", "database", "zookeeper"}, D: {"zookeeper", "load_balancer", "taskqueue"}}),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_tools_of_2012_accept_the_layout_that_is_written_for_them(master, name):
    master.install(["appscale-run-instances", "appscale-terminate-instances"])
    roles, ips, _ = LAYOUTS[name]
    roles = {**roles, "load_balancer": A}  # Not one by itself.
    assert master.script("controller-start", **roles) == (0, "")
    assert master.ips() == ips
    noted = master.home / ".appscale" / "locations-appscale.yaml"
    assert noted.exists()
    assert master.script("controller-stop", **roles) == (0, "")
    assert not noted.exists()
    assert master.script("controller-stop", **roles) == (0, ""), "stopping what does not run"


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_last_tools_accept_the_layout_that_is_written_for_them(master, name):
    master.install(["appscale", "appscale-run-instances"])
    roles, _, layout = LAYOUTS[name]
    assert master.script("controller-start", **roles) == (0, "")
    written, settings = master.appscalefile()
    assert written == layout
    first = next(address for address, has in written.items() if "database" in has)
    assert first == roles["database"].split()[0], "the first database is the db_master"
    assert settings["login"] == A
    noted = master.home / ".appscale" / "locations-appscale.json"
    assert noted.exists()
    assert master.script("controller-start", **roles) == (0, ""), "what ran is ended first"
    assert master.script("controller-stop", **roles) == (0, "")
    assert not noted.exists()


@contextlib.contextmanager
def ports_open(*ports):
    """Takes orders at these ports of every address, for as long."""
    with contextlib.ExitStack() as stack:
        for port in ports:
            server = stack.enter_context(socketserver.ThreadingTCPServer(("", port), Orders))
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, daemon=True).start()
            stack.callback(server.shutdown)
        yield


CONTROLLER, DASHBOARD = 17443, 1080


@pytest.mark.parametrize("ends", ["controller-start", "controller-stop"])
def test_the_last_tools_file_is_no_hindrance_when_the_controller_is_down(master, ends):
    master.install(["appscale"])
    assert master.script("controller-start", **THESIS) == (0, "")
    noted = master.home / ".appscale" / "locations-appscale.json"
    noted.write_text("of before the reset", encoding="utf-8")
    assert master.script(ends, **THESIS) == (0, "")
    assert not noted.exists() or noted.read_text(encoding="utf-8") != "of before the reset"


def test_the_last_tools_are_asked_to_end_what_has_a_controller(master):
    master.install(["appscale"])
    assert master.script("controller-start", **THESIS) == (0, "")
    with ports_open(CONTROLLER):
        (master.home / "cierzo" / "AppScalefile").write_text("not one\n", encoding="utf-8")
        status, said = master.script("controller-start", **THESIS)
        assert status == 1 and "appscale down failed" in said


@pytest.mark.parametrize("tools", ["appscale", "appscale-run-instances"])
@pytest.mark.parametrize("change", [
    {"replication": "2"}, {"app_password": "another"}, {"app_email": "me@x.org"},
    {"servers": f"{B} {C} {D}"}])
def test_what_cannot_change_while_the_platform_runs_is_refused(master, tools, change):
    master.install([tools])
    roles = {**SIMPLE, "replication": "3", "app_password": "secret", "app_email": "you@x.org"}
    assert master.script("controller-start", **roles) == (0, "")
    with ports_open(CONTROLLER, DASHBOARD):
        assert master.script("controller-start", **roles) == (0, "")
        for _ in range(2):  # Being refused does not make it what runs.
            status, said = master.script("controller-start", **{**roles, **change})
            assert status == 1 and "stop and start the resource" in said
        assert master.script("controller-start", **roles) == (0, "")
        assert master.script("controller-check", **roles) == (0, "")


@pytest.mark.parametrize("role", ["search", "search2", "load_balancer"])
def test_a_machine_with_a_role_of_the_last_tools_alone_is_a_member_for_them(master, role):
    roles = {"master": A, "compute": B, "database": C, "zookeeper": A, "load_balancer": A}
    roles[role] = f"{D} {roles.get(role, '')}".strip()
    master.install(["appscale"])
    assert master.script("controller-start", **roles) == (0, "")
    assert master.appscalefile()[0][D] == {role}
    master.install(["appscale-run-instances"])
    status, said = master.script("controller-start", **roles)
    assert status == 1 and "of AppScale's last tools, and this image has older ones" in said


def test_the_administrator_of_the_manifest_is_told_to_the_tools_as_it_is(master):
    master.install(["appscale"])
    assert master.script("controller-start", app_email="me@x.org", app_password="it's: #\"1",
                         **ONE) == (0, "")
    _, settings = master.appscalefile()
    assert settings["admin_user"] == "'me@x.org'"
    assert settings["admin_pass"] == "'it''s: #\"1'"


def test_a_replication_is_told_to_the_tools_which_refuse_one_above_the_databases(master):
    for tools in (["appscale-run-instances"], ["appscale"]):
        master.install(tools)
        assert master.script("controller-start", replication="3", **SIMPLE) == (0, "")
        master.install(tools)
        status, said = master.script("controller-start", replication="4", **SIMPLE)
        assert status == 1 and "eplication" in said


def test_what_the_tools_of_the_image_cannot_do_is_said(master):
    master.install(["appscale-run-instances"])
    status, said = master.script("controller-start", search=B, **THESIS)
    assert status == 1 and "search and search2 are roles of AppScale's last tools" in said
    master.install([])
    status, said = master.script("controller-start", **THESIS)
    assert (status, said) == (1, "controller-start: neither appscale nor appscale-run-instances is "
                                 "installed in this image\n")
