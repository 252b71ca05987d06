"""ebpftrace: an eBPF memory tracer and circuit breaker for CI nodes."""

__version__ = "0.1.0"
