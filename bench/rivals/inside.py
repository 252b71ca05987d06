"""The cases under every guard, in the machine: `python -m bench.rivals.inside FILE CASE…`."""

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from bench.rivals.attribution import killer_of
from bench.rivals.cases import CASES, SWAP, Case
from bench.rivals.evidence import Left
from bench.rivals.guards import GUARDS, Guard, alone
from bench.rivals.job import clear, suffer


def main() -> None:
    """Append a line of JSON to the file for each case and guard."""
    results, wanted = Path(sys.argv[1]), sys.argv[2:]
    versions = {guard.name: guard.version() for guard in GUARDS}
    results.with_name("versions.json").write_text(json.dumps(versions))
    _make_swap()
    for case in [one for one in CASES if one.name in wanted]:
        for guard in GUARDS:
            clear()
            print(f"{case.name}, {guard.name}:", flush=True)
            record = _record(case, guard)
            print(f"    {json.dumps(record)}", flush=True)
            with results.open("a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")


def _record(case: Case, guard: Guard) -> dict[str, object]:
    with guard.run() as evidence:
        fate = suffer(case)
        if not alone(guard):
            raise RuntimeError(
                f"{case.name}, {guard.name}: systemd-oomd is not in the expected state"
            )
        left = evidence() if fate.lost else Left()
    return {
        "case": case.name,
        "guard": guard.name,
        "acted": killer_of(fate, guard.name, left),
        "limit_bytes": case.limit_bytes,
        "evidence": left.description,
        **asdict(fate),
    }


def _make_swap() -> None:
    for argv in (
        ["fallocate", "--length", str(SWAP), "/swapfile"],
        ["chmod", "600", "/swapfile"],
        ["mkswap", "--quiet", "/swapfile"],
        ["swapon", "/swapfile"],
    ):
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
