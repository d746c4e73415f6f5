"""The libvirt provider keeps the contract of all providers, on a real host with real guests.

The contract itself is GoogleTest (tests/providers/contract_test.cpp); without a host it skips what
needs one, so here it is run on one.
"""

import subprocess

from bed.site import BUILD, IMAGES

HOSTS = 1


def test_the_libvirt_provider_keeps_the_contract_with_real_guests(site):
    host = site.host(1)
    done = subprocess.run(
        [*host.enter, "env", "CIERZO_TEST_HYPERVISOR=qemu:///system",
         f"CIERZO_TEST_IMAGES={IMAGES}",
         "CIERZO_TEST_START_LIBVIRTD=libvirtd --daemon --config /etc/libvirt/libvirtd.conf",
         BUILD / "bin" / "provider_test", "--gtest_filter=*/qemu"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[  SKIPPED ]" not in done.stdout, done.stdout
    assert "[  PASSED  ]" in done.stdout
