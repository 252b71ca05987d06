//go:build tools

// Package tools names the Helm that the fleet tests build.
package tools

import _ "helm.sh/helm/v3/cmd/helm"
