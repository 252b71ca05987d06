//go:build tools

// Package tools names the kubeconform that the fleet tests build.
package tools

import _ "github.com/yannh/kubeconform/cmd/kubeconform"
