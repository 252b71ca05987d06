"""What the Kubernetes API has of this node's pods, and what is written there about them.

Imported by `serve` in a cluster and by the actions `pod` and `annotate` alone: HTTP and TLS
take megabytes that another watch does not need. Nothing here runs on the engine's thread.
"""
