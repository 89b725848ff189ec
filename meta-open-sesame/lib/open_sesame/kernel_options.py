# SPDX-License-Identifier: MIT
"""Which options of the kernel fragments a built kernel does not have: what kernel-fragments/check.ts says, where there is no Node."""

import re

_SET = re.compile(r"^CONFIG_(\w+)=(.+)$")
_UNSET = re.compile(r"^# CONFIG_(\w+) is not set$")


def lost_options(configuration, fragments, modules_serve=False):
    """Yields (option, wanted, found, reason) for each option that is not as wanted.

    configuration and fragments are texts; an option that a configuration lacks is `n`. With modules_serve, `m` will do for `y`.
    """
    built = dict(match.groups() for match in map(_SET.match, configuration.splitlines()) if match)
    for option, wanted, reason in _wanted(fragments):
        found = built.get(option, "n")
        if found != wanted and not (modules_serve and (wanted, found) == ("y", "m")):
            yield option, wanted, found, reason


def _wanted(fragments):
    for text in fragments:
        reason = []
        for line in text.splitlines():
            if match := _SET.match(line):
                yield match[1], match[2], " ".join(reason)
                reason = []
            elif match := _UNSET.match(line):
                yield match[1], "n", " ".join(reason)
                reason = []
            elif line.startswith("#"):
                reason.append(line[1:].strip())
            else:
                reason = []
