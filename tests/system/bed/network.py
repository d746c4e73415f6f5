"""The switch: a bridge in the enclosure's network namespace, one port per host.

The enclosure itself is the machine beside the site: it has the network's `control` address on the
switch, so a plain HTTP request from a test is a request from the network.

Cuts are firewall rules at the switch, so the host's own interface stays up, as with a real broken
switch: `mute` (nothing comes from it), `deaf` (nothing reaches it), or one pair in one direction.
"""

import dataclasses
import ipaddress
import subprocess

SWITCH = "switch"


@dataclasses.dataclass(frozen=True)
class Network:
    """The addresses of a site: one IPv4 network for hosts and guests alike."""

    cidr: str = "10.77.0.0/16"
    control: str = "10.77.0.1"  # The machine beside the site, and the guests' gateway.
    first_host: str = "10.77.0.11"  # Of host 1; host 2 has the next.

    def host(self, number):
        """The address of host `number`."""
        return str(ipaddress.ip_address(self.first_host) + number - 1)

    @property
    def prefix(self):
        """The length of the network's prefix."""
        return ipaddress.ip_network(self.cidr).prefixlen


def run(*command):
    """Runs a command of the bed; its own words are in the exception when it fails."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def port(number):
    """The switch's port of host `number`."""
    return f"port{number}"


class Switch:
    """Owns the bridge, its ports and its cuts."""

    def __init__(self, network=Network()):
        self.network = network
        run("ip", "link", "add", SWITCH, "type", "bridge", "stp_state", "0", "forward_delay", "0",
            "mcast_snooping", "0")
        run("ip", "address", "add", f"{network.control}/{network.prefix}", "dev", SWITCH)
        run("ip", "link", "set", SWITCH, "up")
        run("nft", "add table bridge cuts; "
            "add chain bridge cuts from { type filter hook prerouting priority 0; }; "
            "add chain bridge cuts to { type filter hook postrouting priority 0; }; "
            "add chain bridge cuts pair { type filter hook forward priority 0; }")

    def plug(self, number, pid):
        """Connects the network namespace of process `pid`: its interface up0 to our port."""
        name = port(number)
        run("ip", "link", "add", name, "type", "veth", "peer", "name", "up0", "netns", str(pid))
        run("ip", "link", "set", name, "master", SWITCH, "up")

    def unplug(self, number):
        """Removes the port; its peer goes with it. A port that is gone already is fine."""
        subprocess.run(["ip", "link", "delete", port(number)], capture_output=True, check=False)

    def link(self, number, up):
        """Takes a host's link down or up."""
        run("ip", "link", "set", port(number), "up" if up else "down")

    def mute(self, number):
        """Drops what comes from the host."""
        run("nft", "add", "rule", "bridge", "cuts", "from", "iifname", port(number), "drop")

    def deaf(self, number):
        """Drops what goes to the host."""
        run("nft", "add", "rule", "bridge", "cuts", "to", "oifname", port(number), "drop")

    def cut(self, source, target):
        """Drops what goes from one host to another; the other direction still works."""
        run("nft", "add", "rule", "bridge", "cuts", "pair", "iifname", port(source),
            "oifname", port(target), "drop")

    def heal(self):
        """Removes every cut; links that are down stay down."""
        for chain in ("from", "to", "pair"):
            run("nft", "flush", "chain", "bridge", "cuts", chain)

    def close(self):
        """Removes the switch."""
        run("ip", "link", "delete", SWITCH)
        run("nft", "delete", "table", "bridge", "cuts")
