#!/usr/bin/env bash
# In the way of a cluster manager's build library: arrays, functions, its own GOPATH and caches.
set -o errexit -o nounset -o pipefail
readonly OUT="${OUT:-$(pwd)/_output}"
readonly BUILD_MEMORY_GIB=${BUILD_MEMORY_GIB:-20}
platforms=(
  linux/amd64
  linux/arm64
)

lib::setup_env() {
  export GOPATH="${OUT}/go"
  export GOCACHE="${OUT}/go/cache/build"
  export GOMODCACHE="${OUT}/go/cache/mod"
  [[ -n ${1-} ]] || { echo "!!! no platform" >&2; return 1; }
  export GOOS=${1%/*} GOARCH=${1##*/}
}

lib::version() {
  IFS=" " read -ra found <<< "$(GOFLAGS='' go version)"
  if [[ "${found[2]}" != "$(printf '%s\n' go1.25 "${found[2]}" | sort -V | tail -n1)" ]]; then
    cat <<EOF
Go is too old: ${found[*]}. Don't build with it.
EOF
    return 2
  fi
}

for platform in "${platforms[@]}"; do
  lib::setup_env "${platform}"
  log=$(mktemp "${TMPDIR:-/tmp}/build.XXXXXX")
  GOPROXY=off go build -o "${OUT}/bin/${platform}/" ./cmd/... 2>&1 | tee "${log}"
done
