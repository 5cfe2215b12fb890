"""``make clients``: use each of the packages in a process of its own, and print how many uses pass."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

from clients.table import CLIENTS, Client, versions

SECONDS = 600


def run(client: Client, folder: Path) -> tuple[int, int, list[str]]:
    """How many uses pass, how many there are, and what went wrong."""
    command = [sys.executable, "-m", "clients.one", str(folder), client.dialect, client.module]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return 0, 0, [f"took longer than {SECONDS} s"]
    answers = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"use"')]
    faults = [f"{answer['use']}: {answer['fault']}" for answer in answers if answer["fault"]]
    if done.returncode:
        faults.append(" ".join(done.stderr.strip().splitlines()[-1:]) or f"exit code {done.returncode}")
    return sum(answer["fault"] is None for answer in answers), len(answers), faults


def main() -> int:
    parser = argparse.ArgumentParser(prog="make clients", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where the packages are")
    parser.add_argument("names", nargs="*", help="only these packages")
    given = parser.parse_args()
    known, fewer, total = versions(), 0, 0
    print(f"{'package':34}{'version':10}{'dialect':10}uses that pass")
    for client in CLIENTS:
        if given.names and client.name not in given.names:
            continue
        passed, count, faults = run(client, given.folder.resolve())
        total += passed
        few = passed < client.passes
        fewer += few
        note = f", and {client.passes} are said to" if few else ""
        print(f"{client.name:34}{known[client.name]:10}{client.dialect:10}{passed} of {count}{note}", flush=True)
        for fault in faults:
            print(f"    {fault}")
    print(f"{total} uses pass, and {fewer} packages pass fewer than the table says")
    return int(fewer > 0)


if __name__ == "__main__":
    sys.exit(main())
