#!/usr/bin/env python3
"""Compares what is installed beside this interpreter with lists of pinned wheels.

Looks at the files themselves, not at a stamp: every file that a wheel's RECORD names has to be
there with its size. pip writes RECORD last, so a wheel without one was interrupted. Standard
library only, since it runs before anything is installed.

    check_wheels.py LIST...            exit 0 if all is as pinned, else 1 and a line for each that is not
    check_wheels.py --repair LIST...   print NAME==VERSION of damaged wheels, and make way for them
    check_wheels.py --pip              exit 0 if pip itself is whole
"""

from __future__ import annotations

import argparse
import csv
import os
import re
import shutil
import sys
import sysconfig
from pathlib import Path

SITE = Path(sysconfig.get_path("purelib"))


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def read_pins(lists: list[str]) -> dict[str, str]:
    """Returns {canonical name: version} of all lists; anything but NAME==VERSION is an error."""
    pins = {}
    for path in lists:
        for number, raw in enumerate(Path(path).read_text().splitlines(), 1):
            line = raw.split("#")[0].strip()
            if not line:
                continue
            match = re.fullmatch(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([A-Za-z0-9.!+]+)", line)
            if not match:
                sys.exit(f"{path}:{number}: a wheel is pinned as NAME==VERSION, got '{line}'")
            pins[canonical(match[1])] = match[2]
    return pins


def installed() -> dict[str, tuple[str, Path]]:
    """Returns {canonical name: (version, its .dist-info folder)}."""
    found = {}
    for folder in SITE.glob("*.dist-info"):
        name, _, version = folder.name.removesuffix(".dist-info").rpartition("-")
        found[canonical(name)] = (version, folder)
    return found


def is_whole(folder: Path) -> bool:
    """Is every file of the wheel there, with the size that it was installed with?"""
    record = folder / "RECORD"
    if not record.is_file():
        return False
    site = str(SITE)
    with record.open(newline="", encoding="utf-8") as rows:
        for path, _, size in csv.reader(rows):
            if path.endswith(".pyc") or not size:
                continue
            try:
                if os.stat(os.path.join(site, path)).st_size != int(size):
                    return False
            except OSError:
                return False
    return True


def same_version(have: str, pinned: str) -> bool:
    """A local build of the pinned version counts: 2.13.0+cpu for 2.13.0."""
    return have == pinned or have.split("+")[0] == pinned


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lists", nargs="*", metavar="LIST")
    parser.add_argument("--quiet", action="store_true", help="no line for each, the exit status only")
    parser.add_argument("--repair", action="store_true")
    parser.add_argument("--pip", action="store_true")
    arguments = parser.parse_args()

    have = installed()
    if arguments.pip:
        return 0 if "pip" in have and is_whole(have["pip"][1]) else 1

    wrong = 0
    for name, pinned in read_pins(arguments.lists).items():
        version, folder = have.get(name, ("", Path()))
        if not version:
            problem = "is not installed"
        elif not is_whole(folder):
            problem = "has lost files"
            if arguments.repair:
                print(f"{name}=={pinned}")
                # Without a RECORD pip can neither replace nor remove it.
                if not (folder / "RECORD").is_file():
                    shutil.rmtree(folder)
        elif not same_version(version, pinned):
            problem = f"is {version}"
        else:
            continue
        wrong += 1
        if not (arguments.quiet or arguments.repair):
            print(f"{name}=={pinned} {problem}", file=sys.stderr)
    return 0 if wrong == 0 or arguments.repair else 1


if __name__ == "__main__":
    sys.exit(main())
