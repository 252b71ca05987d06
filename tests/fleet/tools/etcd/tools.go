//go:build tools

// Package tools names the etcd that the fleet tests build.
package tools

import _ "go.etcd.io/etcd/server/v3"
