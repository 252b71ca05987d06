"""What `ebpftrace serve` adds to a watch: metrics, health, lines for a journal, sd_notify.

The engine's thread publishes frozen values (`state.py`); a thread of the service's own reads
them and answers clients (`http/`). Nothing that a client does makes the engine wait.
"""
