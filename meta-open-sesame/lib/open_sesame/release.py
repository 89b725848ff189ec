# SPDX-License-Identifier: MIT
"""The release that recipes install from: an archive of `npm run dist` and the SHA256SUMS beside it."""

import hashlib
import os


def problem_of(directory, archive, pinned_digest=""):
    """What is wrong with an archive, as a sentence that says what to do, or None.

    The digest is the pinned one, or that of SHA256SUMS in the same directory.
    """
    path = os.path.join(directory, archive)
    if not os.path.isfile(path):
        present = sorted(name for name in _names(directory) if name.endswith(".tar.gz"))
        return (
            f"there is no {archive} in {directory} (there: {', '.join(present) or 'no release'}). Run `npm run dist` in the checkout of "
            "Open Sesame, or set OPEN_SESAME_RELEASE to the directory with the downloaded release of this version"
        )
    wanted = pinned_digest or _published_digest(directory, archive)
    if not wanted:
        return f"no digest is known for {path}: put SHA256SUMS of the release beside it or set OPEN_SESAME_SHA256"
    with open(path, "rb") as file:
        # Not file_digest(): it needs Python 3.11, and BitBake starts with 3.9.
        found = hashlib.sha256(file.read()).hexdigest()
    if found != wanted:
        return (
            f"{path} has the SHA-256 digest {found}, but {wanted} is wanted: it was altered, or is of another build than "
            f"{'OPEN_SESAME_SHA256' if pinned_digest else 'SHA256SUMS beside it'}; run `npm run dist` or download it again"
        )
    return None


def _names(directory):
    try:
        return os.listdir(directory)
    except OSError:
        return []


def _published_digest(directory, archive):
    try:
        with open(os.path.join(directory, "SHA256SUMS"), encoding="ascii") as file:
            lines = [line.split() for line in file]
    except OSError:
        return None
    return next((digest for digest, name in lines if name == archive), None)
