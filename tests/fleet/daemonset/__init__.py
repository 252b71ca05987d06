"""The DaemonSet of deploy/ on a node with a real kubelet, and its real controller."""
