"""Metrics of jobs, of processes and of the tool itself, as Prometheus reads them."""
