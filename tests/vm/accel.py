"""KVM where a trial boot proves that it works, software emulation everywhere else.

That /dev/kvm opens proves nothing: nested in another machine, a guest may just hang.
"""

import os
import platform
from collections.abc import Callable
from pathlib import Path

from tests.vm.lock import locked
from tests.vm.paths import CACHE

TRIAL_SECONDS = 40

_KVM_DEVICE = Path("/dev/kvm")
_KVM = ("-accel", "kvm", "-cpu", "host", "-smp", "2")
_FORGIVING = ("5.10", "6.1")
"""Series that a thread for each processor can be emulated on.

A tracepoint is switched on by patching live code through a breakpoint (text_poke_bp), which
is taken away once all processors have seen the new code. TCG with a thread for each
processor may still run a translation with the breakpoint in it. Up to 6.1 at least,
kprobe_int3_handler forgives that; 6.12 panicked in trace_rss_stat, once in about ten runs.
"""

_WITHOUT = "-cx16,-avx,-avx2,-fma,-f16c"
"""What the emulated processor must not offer.

A guest with cmpxchg16b died of a double fault in kmem_cache_alloc under QEMU 7.2's TCG. That
is also the first QEMU that emulates AVX, and in its guests LLVM died of SIGSEGV twice.
"""

ARM64 = ("-accel", "tcg,thread=multi", "-cpu", "neoverse-n1", "-smp", "2")
"""An emulated one as Graviton 2 and Ampere Altra have it; what newer ones add takes longer to
emulate. KVM was not tried."""

EMULATOR_DIED = b"Oops: int3"
"""What such a kernel's last words are: the emulator, not the kernel, is at fault."""


def processor(boots: Callable[[tuple[str, ...]], bool], series: str) -> tuple[str, ...]:
    """QEMU's options for the processor. `boots` tries a guest with such options.

    What was found is kept for as long as the host runs the same kernel.
    """
    emulated = _emulated("multi" if series in _FORGIVING else "single")
    if not os.access(_KVM_DEVICE, os.R_OK | os.W_OK):
        return emulated
    kept = CACHE / f"kvm-{platform.release()}"
    with locked(CACHE / "kvm.lock", "trial of KVM"):
        if not kept.exists():
            answer = "works" if boots(_KVM) else "hangs"
            kept.write_text(answer)
    return _KVM if kept.read_text() == "works" else emulated


def _emulated(thread: str) -> tuple[str, ...]:
    return ("-accel", f"tcg,thread={thread}", "-cpu", f"max,{_WITHOUT}", "-smp", "2")
