"""Who attacks a site: programs of their own, so that they neither share our Python nor our limits.

    with attack("idle", host, 10000): ...

idle       connections that say nothing, as many as asked, opened again as they are hung up on
garbage    random bytes before, in and after the greeting of the handshake
announce   frames of a gigabyte, announced and then sent as far as they are taken
rubbish    with a host's key: messages that are none
flood      with a host's key: messages as they could be, of other hosts and other sites
large      with a host's key: one message of 1 GiB, then such as are just within the limit

Each is polite to the machine, not to the host: lowest priority, so that what is measured is not
that two cores are too few.
"""

import contextlib
import ctypes
import os
import pathlib
import random
import resource
import select
import socket
import subprocess
import sys
import time

PORT = 7400
GREETING = (b"\xff" + bytes(8) + b"\x7f\x03\x01" + b"CURVE").ljust(64, b"\0")
SEEDS = pathlib.Path(__file__).parents[2] / "agent" / "corpus" / "wire"


@contextlib.contextmanager
def attack(kind, host, *arguments, key=None, server_key=""):
    """Attacks a host's agent until the end of the block. `key`: (public, secret) of a host."""
    command = [sys.executable, "-m", "bed.attackers", kind, host.address, *map(str, arguments)]
    folder = pathlib.Path(__file__).parents[1]
    with subprocess.Popen(["nice", "-n", "19", *command], cwd=folder, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as process:
        # Keys are no arguments: those can be read by everybody.
        process.stdin.write("\n".join([server_key, *(key or ("", ""))]) + "\n")
        process.stdin.flush()
        try:
            assert process.stdout.readline() == "begun\n", f"the attacker {kind} did not begin"
            yield process
        finally:
            process.kill()


def _begun():
    print("begun", flush=True)


def _idle(address, _keys, count):
    wanted = int(count)
    soft = min(wanted + 100, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, soft))
    poll, held, opened = select.poll(), {}, 0
    _begun()
    while opened < wanted:
        fresh = socket.socket()
        fresh.setblocking(False)
        fresh.connect_ex((address, PORT))
        held[fresh.fileno()] = fresh
        poll.register(fresh, select.POLLRDHUP)
        opened += 1
        if opened % 50 == 0:
            for number, _ in poll.poll(5):  # Hung up on, or refused.
                poll.unregister(number)
                held.pop(number).close()
    time.sleep(1000)  # What is still open stays open.


def _garbage(address, _keys):
    dice = random.Random(7)
    _begun()
    while True:
        with socket.socket() as one, contextlib.suppress(OSError):
            one.settimeout(1)
            one.connect((address, PORT))
            noise = dice.randbytes(dice.randrange(1, 4000))
            one.sendall(dice.choice([b"", GREETING[:11], GREETING, GREETING + b"\x04\x26\x05READY",
                                     b"GET / HTTP/1.1\r\n\r\n"]) + noise)
            time.sleep(0.005)  # 200 a second: the attack is not to starve the machine.


def _announce(address, _keys):
    block = bytes(1 << 20)
    _begun()
    while True:
        with socket.socket() as one, contextlib.suppress(OSError):
            one.settimeout(1)
            one.connect((address, PORT))
            one.sendall(GREETING + b"\x06" + (1 << 30).to_bytes(8, "big"))
            for _ in range(1024):
                one.sendall(block)
        time.sleep(0.02)  # Likewise.


class _Push:
    """A PUSH socket of libzmq, by its C functions: Debian's python3-zmq is not needed for this."""

    def __init__(self, address, keys):
        server_key, public, secret = keys
        self._zmq = ctypes.CDLL("libzmq.so.5", use_errno=True)
        self._zmq.zmq_ctx_new.restype = self._zmq.zmq_socket.restype = ctypes.c_void_p
        context = ctypes.c_void_p(self._zmq.zmq_ctx_new())
        self._socket = ctypes.c_void_p(self._zmq.zmq_socket(context, 8))
        for option, text in ((50, server_key), (48, public), (49, secret)):
            self._zmq.zmq_setsockopt(self._socket, option, text.encode(), len(text) + 1)
        for option, number in ((17, 0), (28, 200), (23, 4)):  # linger, sndtimeo, sndhwm
            self._zmq.zmq_setsockopt(self._socket, option, ctypes.byref(ctypes.c_int(number)), 4)
        assert self._zmq.zmq_connect(self._socket, f"tcp://{address}:{PORT}".encode()) == 0

    def send(self, data):
        return self._zmq.zmq_send(self._socket, data, ctypes.c_size_t(len(data)), 0) >= 0


def _rubbish(address, keys):
    push, dice = _Push(address, keys), random.Random(7)
    _begun()
    while True:
        push.send(dice.randbytes(dice.randrange(0, 2000)))


def _flood(address, keys):
    push = _Push(address, keys)
    messages = [file.read_bytes() for file in sorted(SEEDS.iterdir())]
    _begun()
    while True:
        for message in messages:
            push.send(message)


def _large(address, keys):
    push = _Push(address, keys)
    largest = bytes(8 * 1024 * 1024)
    _begun()
    push.send(bytes(1 << 30))
    while True:
        push.send(largest)


if __name__ == "__main__":
    os.environ.pop("PYTHONPATH", None)
    KEYS = [sys.stdin.readline().rstrip("\n") for _ in range(3)]
    {"idle": _idle, "garbage": _garbage, "announce": _announce, "rubbish": _rubbish,
     "flood": _flood, "large": _large}[sys.argv[1]](sys.argv[2], KEYS, *sys.argv[3:])
