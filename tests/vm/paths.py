"""Where the images, kernels and results of tests/vm are kept."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "vm"
GUEST = Path(__file__).parent / "guest"
RESULTS = CACHE / "results"
