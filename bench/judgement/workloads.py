"""The labelled workloads: real programs, most with a given amount to keep and leak."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.judgement import real
from bench.judgement.commands import (
    Command,
    exact_command,
    generations_command,
    go_command,
    java_command,
    node_command,
    python_command,
    shell_command,
    tmpfs_command,
)
from bench.judgement.daemon import shared_daemon
from bench.judgement.programs import PROGRAMS
from tests.support.build import ROOT
from tests.support.cgroups import MemoryCgroup

Driver = Callable[[MemoryCgroup, Path], float | None]


@dataclass(frozen=True, slots=True)
class Workload:
    """What to run, for `seconds` at most, in a cgroup limited to `limit_mib`."""

    name: str
    label: str
    limit_mib: int
    seconds: float
    command: Command | None = None
    driver: Driver | None = None
    onset_s: float = 0.0
    weight: int = 1  # how much of the machine it takes: 2 is all of it

    def described(self, folder: Path) -> str:
        if self.command is None:
            assert self.driver is not None
            return (self.driver.__doc__ or self.name).splitlines()[0]
        words = " ".join(map(str, self.command(folder))).replace("\n", "; ")
        for private in (folder, PROGRAMS, ROOT):
            words = words.replace(f"{private}/", "").replace(str(private), private.name)
        return words.replace(sys.executable, "python").replace(folder.name, "folder")


_ONE_MIB = "grow 1MiB 200MiB"
_REST_LEAK = "; ".join(["grow 12MiB 60MiB", "sleep 8000"] * 8)

LEAKS = (
    Workload("leak-c-1mib", "leak", 96, 110, exact_command(_ONE_MIB)),
    Workload("leak-c-10mib", "leak", 512, 60, exact_command("grow 10MiB 1GiB")),
    Workload("leak-c-100mib", "leak", 2048, 30, exact_command("grow 100MiB 3GiB")),
    Workload("leak-c-40mib", "leak", 1024, 35, exact_command("grow 40MiB 2GiB")),
    Workload("leak-c-pauses", "leak", 400, 110, exact_command(_REST_LEAK)),
    Workload("leak-go-5mib", "leak", 512, 100, go_command("-leak 5 -churn 30 -seconds 120")),
    Workload("leak-go-noise", "leak", 640, 110,
             go_command("-burst 40 -leak 3 -churn 30 -seconds 120")),
    Workload("leak-go-20mib", "leak", 1024, 60, go_command("-leak 20 -seconds 90")),
    Workload("leak-go-pauses", "leak", 512, 110,
             go_command("-leak 10 -on 6 -off 6 -seconds 120")),
    Workload("leak-go-after-burst", "leak", 1280, 110,
             go_command("-burst 400 -after 25 -leak 10 -seconds 120"), onset_s=25),
    Workload("leak-python-4mib", "leak", 256, 80, python_command("--leak 4 --seconds 90")),
    Workload("leak-python-tooth", "leak", 384, 120,
             python_command("--leak 2.5 --tooth 100 --seconds 130")),
    Workload("leak-python-tooth-large", "leak", 1024, 100,
             python_command("--leak 8 --tooth 320 --seconds 130")),
    Workload("leak-python-after-plateau", "leak", 512, 110,
             python_command("--burst 160 --after 30 --leak 5 --seconds 130"), onset_s=30),
    Workload("leak-node-8mib", "leak", 512, 80,
             node_command("--leak 8 --churn 20 --seconds 100")),
    Workload("leak-node-20mib", "leak", 768, 60, node_command("--leak 20 --seconds 100")),
    Workload("leak-java-heap", "leak", 768, 90,
             java_command("-Xmx2g", "--leak 8 --churn 40 --seconds 120")),
    Workload("leak-java-direct", "leak", 640, 80,
             java_command("-Xmx256m -XX:MaxDirectMemorySize=2g",
                          "--direct 8 --churn 10 --seconds 120")),
    Workload("leak-tmpfs", "leak", 384, 70, tmpfs_command("--leak 6 --seconds 100")),
    Workload("leak-under-cache", "leak", 384, 80,
             shell_command("while :; do dd if=/dev/zero of=FOLDER/flood bs=1M count=600 "
                           "2>/dev/null; done & exec EXACT --do 'grow 5MiB 1GiB'")),
    Workload("leak-children-stuck", "leak", 512, 80,
             python_command("--leak 7 --children --seconds 100")),
    Workload("leak-children-generations", "leak", 512, 90,
             generations_command("5 120")),
    Workload("leak-workers", "leak", 440, 90,
             shell_command("for n in 1 2 3; do PYTHON LOAD --leak 1.7 "
                    "--seconds 100 & done; wait")),
    Workload("leak-gopls-rewrite", "leak", 2048, 150, driver=real.rewrite, onset_s=35,
             weight=2),
    Workload("leak-gopls-jobs", "leak", 1024, 150, driver=shared_daemon, weight=2),
)  # fmt: skip

HEALTHY = (
    Workload("sawtooth-go", "healthy", 256, 60,
             go_command("-burst 60 -churn 80 -seconds 60")),
    Workload("sawtooth-python", "healthy", 384, 70,
             python_command("--burst 40 --tooth 200 --seconds 70")),
    Workload("sawtooth-node", "healthy", 288, 60,
             node_command("--burst 60 --churn 60 --seconds 60")),
    Workload("warm-up-java", "healthy", 256, 80,
             java_command("-Xmx160m", "--burst 60 --churn 60 --seconds 75")),
    Workload("warm-up-java-slow", "healthy", 192, 100,
             java_command("-Xms100m -Xmx100m", "--burst 20 --churn 15 --seconds 95")),
    Workload("warm-up-python", "healthy", 512, 70,
             python_command("--burst 240 --churn 5 --seconds 65")),
    Workload("cache-fills-and-stays", "healthy", 512, 90,
             python_command("--leak 8 --until 220 --seconds 85")),
    Workload("cache-fills-slowly", "healthy", 1024, 120,
             go_command("-leak 4 -until 180 -churn 10 -seconds 115")),
    Workload("cache-fills-node", "healthy", 320, 80,
             node_command("--leak 10 --until 250 --seconds 75")),
    Workload("steady-near-the-limit", "healthy", 320, 60,
             python_command("--burst 260 --churn 2 --seconds 55")),
    Workload("page-cache-flood", "healthy", 256, 50,
             shell_command("for n in $(seq 40); do dd if=/dev/zero of=FOLDER/flood bs=1M "
                           "count=400 2>/dev/null; cat FOLDER/flood >/dev/null; sleep 1; "
                           "done")),
    Workload("page-cache-and-heap", "healthy", 384, 60,
             shell_command("(while :; do dd if=/dev/zero of=FOLDER/flood bs=1M count=600 "
                           "2>/dev/null; done) & exec PYTHON LOAD --burst 120 --tooth 60 "
                           "--seconds 55")),
    Workload("mapped-scan", "healthy", 128, 40,
             shell_command("dd if=/dev/urandom of=FOLDER/big bs=1M count=300 2>/dev/null; "
                           "exec PYTHON PROGRAMS/mapped.py FOLDER/big 300 scan 35")),
    Workload("gcc-under-flood", "healthy", 160, 45,
             shell_command("(while :; do dd if=/dev/zero of=FOLDER/flood bs=1M count=600 "
                           "2>/dev/null; cat FOLDER/flood >/dev/null; done) & while :; do "
                           "gcc -static -O1 -g SOURCES -o FOLDER/linked; done")),
    Workload("fork-storm", "healthy", 256, 45,
             shell_command("end=$(($(date +%s)+40)); while [ $(date +%s) -lt $end ]; do "
                    "for n in 1 2 3 4 5 6 7 8; do sleep 0.3 & done; wait; done")),
    Workload("restart-churn", "healthy", 384, 75,
             shell_command("for n in 1 2 3 4 5 6; do PYTHON LOAD --burst 60 "
                    "--leak 18 --seconds 10; done")),
    Workload("tmpfs-artefacts", "healthy", 384, 60,
             shell_command("mkdir SHM; for n in 1 2 3 4 5; do for m in 1 2 3 4 5; do "
                    "dd if=/dev/urandom of=SHM/part$m bs=1M count=30 2>/dev/null; "
                    "sleep 1; done; cat SHM/* >/dev/null; rm SHM/*; "
                    "sleep 2; done")),
    Workload("sort", "healthy", 320, 60,
             shell_command("PYTHON -c 'import random\nfor n in range(1200000): "
                    "print(random.random(), n)' >FOLDER/numbers; sort -S 200M -T FOLDER "
                    "FOLDER/numbers >FOLDER/sorted; sort -S 200M -T FOLDER -k2 FOLDER/sorted "
                    ">/dev/null")),
    Workload("xz", "healthy", 1024, 110,
             shell_command("head -c 60M /dev/urandom >FOLDER/noise; cat FOLDER/noise "
                           "/usr/bin/node | xz -9 -T1 >/dev/null")),
    Workload("json-up-and-down", "healthy", 512, 60,
             shell_command("exec PYTHON -c 'import json\nfor n in range(20): "
                    "json.loads(json.dumps([{str(k): [k, str(k)]} for k in range(400000)]))'")),
    Workload("gcc-and-ld", "healthy", 512, 80, driver=real.compile_c),
    Workload("javac", "healthy", 128, 60,
             shell_command("for n in $(seq 12); do javac -d FOLDER PROGRAMS/Load.java; done")),
    Workload("go-build", "healthy", 2048, 110, driver=real.go_build, weight=2),
    Workload("go-vet", "healthy", 3072, 110, driver=real.go_vet, weight=2),
    Workload("gopls-burst-new", "healthy", 4096, 110, driver=real.burst_new, weight=2),
    Workload("gopls-burst-old", "healthy", 2048, 90, driver=real.burst_old, weight=2),
    Workload("gopls-warm", "healthy", 1024, 60, driver=real.warm, weight=2),
    Workload("cgroup-move", "healthy", 512, 45, driver=real.moves),
)  # fmt: skip

WORKLOADS = LEAKS + HEALTHY
