"""Which faults a run has: a pure function of the seed, so that a run can be had again.

Faults come in rounds: one or two at a time, on different hosts, so that of five voters a majority is
always left; then all is healed and the site must converge. What is not in the seed is time itself:
what the agents are doing at the moment of a fault is another every time.
"""

import dataclasses
import random

# What it does -> how often it comes up. Each is begun, lasts, and is healed.
KINDS = {
    "power": 3,          # power cut; power back, with another clock rate
    "freeze": 3,         # every process of the host stopped; continued
    "isolate": 2,        # the host's link down; up
    "mute": 1,           # nothing comes from the host; healed
    "deaf": 1,           # nothing reaches the host; healed
    "one_way": 1,        # nothing gets from the host to one other; healed
    "agent_kill": 2,     # the agent killed; started again
    "agent_hang": 1,     # the agent stopped; continued, or started again if its guard killed it
    "guard_kill": 1,     # the guard killed; started again soon
    "libvirtd_kill": 1,  # libvirtd killed; started again
    "libvirtd_hang": 1,  # libvirtd stopped; continued
}

# Seconds that a fault lasts: shorter than a lease, than a permit, about as long, longer.
LENGTHS = ((0.1, 0.45), (0.5, 1.5), (1.6, 2.4), (2.5, 6.0))

# A guard is assumed to be back this soon: nothing pauses while none is there. (docs/safety.md)
GUARD_BACK = 0.4

LEADER = 0  # As a host: whoever leads then.


@dataclasses.dataclass(frozen=True)
class Fault:
    """`kind` at host `host` (a number, or LEADER) from `begin` to `end`, seconds into its round.
    `other`: the second host of one_way. `rate`: of the host's clock after a power cut.
    """

    kind: str
    host: int
    begin: float
    end: float
    other: int = 0
    rate: float = 1.0


def clock_rate(chance):
    """Of a host's clock; the ratio of any two is less than 1 + drift, which is 1 %."""
    return round(chance.uniform(0.9955, 1.0045), 4)


def rounds(seed, count, hosts, kinds=None):
    """`count` faults in all, as a list of rounds, each a list of Faults."""
    chance = random.Random(seed)
    deck = []
    made = []
    left = count
    while left:
        pair = left > 1 and chance.random() < 0.5
        numbers = chance.sample(range(1, hosts + 1), 2)
        this = []
        for position in range(2 if pair else 1):
            if not deck:  # Every kind comes up before one comes up again.
                deck = [kind for kind, often in KINDS.items() if kinds is None or kind in kinds
                        for _ in range(often)]
                chance.shuffle(deck)
            begin = chance.uniform(0, 1.5) if position else 0.0
            length = chance.uniform(*chance.choice(LENGTHS))
            kind = deck.pop()
            if kind == "guard_kill":
                length = min(length, GUARD_BACK)
            number = numbers[position]
            others = [other for other in range(1, hosts + 1) if other != number]
            led = position == 0 and chance.random() < 0.4
            this.append(Fault(kind, LEADER if led else number, round(begin, 3),
                              round(begin + length, 3), chance.choice(others),
                              clock_rate(chance)))
        made.append(this)
        left -= len(this)
    return made
