#!/bin/sh
# A TMPDIR for this job alone; caches stay shared.
TMPDIR=$(mktemp -d) && export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
export GOPLSCACHE="${HOME}/.cache"
(ulimit -v 8388608; gopls check main.go)
ulimit -v
printf '%s\n' "gopls -memprofile=x ends with exit code 2"
grep -rn 'GOLANG_ORG_GOPLS_CACHE_DIR=' docs || true
cat <<EOF
no command here
EOF
gopls check main.go # -memprofile
