# SPDX-License-Identifier: MIT
"""Proves on a running image what Open Sesame promises: `bitbake -c testimage IMAGE`, see the layer's documentation."""

import json

from oeqa.core.decorator.depends import OETestDepends
from oeqa.runtime.case import OERuntimeTestCase
from oeqa.runtime.decorator.package import OEHasPackage

PROFILE = "testimage"
PASSWORD = "a password for testimage"
DAEMONS = {"daemon-profile": 32, "daemon-secrets": 64}
LOCKED_MEMORY_BYTES = 8 * 1024 * 1024

# Exit codes of sesame.
LOCKED = 4
ALREADY_SO = 7


class OpenSesameTest(OERuntimeTestCase):
    def must(self, command):
        status, output = self.target.run(command)
        self.assertEqual(status, 0, msg=f"{command}: {output}")
        return output

    def daemons(self):
        return {daemon["name"]: daemon for daemon in json.loads(self.must("sesame status --json"))["daemons"]}

    @OETestDepends(["ssh.SSHTest.test_ssh"])
    @OEHasPackage(["open-sesame-secrets"])
    def test_daemons_answer(self):
        states = {name: self.daemons().get(name, {}).get("reachable") for name in DAEMONS}
        self.assertEqual(states, {name: True for name in DAEMONS})

    @OETestDepends(["open_sesame.OpenSesameTest.test_daemons_answer"])
    def test_secret_memory_is_not_the_fallback(self):
        kinds = {name: self.daemons()[name]["secret_memory"]["protection"] for name in DAEMONS}
        self.assertEqual(kinds, {name: "memfd_secret" for name in DAEMONS})

    @OETestDepends(["open_sesame.OpenSesameTest.test_daemons_answer"])
    def test_limits_are_in_force(self):
        for name, mebibytes in DAEMONS.items():
            pid = self.daemons()[name]["pid"]
            group = self.must(f"sed -n 's/^0:://p' /proc/{pid}/cgroup")
            limit = self.must(f"cat /sys/fs/cgroup{group}/memory.max")
            self.assertEqual(int(limit), mebibytes * 1024 * 1024, msg=f"memory.max of {name} in {group}")
            locked = self.must(f"sed -n 's/^Max locked memory *//p' /proc/{pid}/limits").split()
            self.assertEqual(int(locked[0]), LOCKED_MEMORY_BYTES, msg=f"locked memory of {name}")

    @OETestDepends(["open_sesame.OpenSesameTest.test_daemons_answer"])
    def test_daemons_are_not_root(self):
        for name, user in (("daemon-profile", "pds-profile"), ("daemon-secrets", "pds-secrets")):
            pid = self.daemons()[name]["pid"]
            self.assertEqual(self.must(f"stat -c %U /proc/{pid}"), user)

    @OETestDepends(["open_sesame.OpenSesameTest.test_daemons_answer"])
    def test_vault_opens_and_keeps_a_secret(self):
        init = f"echo '{PASSWORD}' | sesame init -p {PROFILE} --factor password --password-stdin --no-recovery-key"
        status, output = self.target.run(init)
        self.assertIn(status, (0, ALREADY_SO), msg=output)
        self.must(f"echo '{PASSWORD}' | sesame unlock -p {PROFILE} --password-stdin")
        self.must(f"printf value | sesame secret set -p {PROFILE} name")
        self.assertEqual(self.must(f"sesame secret get -p {PROFILE} name"), "value")
        self.must(f"sesame lock -p {PROFILE}")
        self.assertEqual(self.target.run(f"sesame secret get -p {PROFILE} name")[0], LOCKED)

    @OETestDepends(["open_sesame.OpenSesameTest.test_vault_opens_and_keeps_a_secret"])
    def test_audit_chain_is_whole(self):
        self.must("sesame audit verify")
