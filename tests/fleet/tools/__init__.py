"""The programs of a real Kubernetes, built from the Go modules that the folders here pin."""
