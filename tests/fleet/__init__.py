"""Tests with a real Kubernetes, whose programs `make fleet-tools` builds."""
