#!/bin/bash
# gopls -memprofile=/tmp/x is only a comment.
set -eu
work=$(mktemp -d)
# next: fresh-goplscache fresh-gomodcache
GOPLSCACHE=$work/gopls GOMODCACHE="${work}/mod" gopls version
# next: gopls-flag
sudo -u ci gopls -memprofile /tmp/mem.prof \
  serve -listen=127.0.0.1:4389 &
# next: gopls-flag
"$HOME/go/bin/gopls" -cachefile="$work/cache" check main.go
# next: gopls-flag
go run golang.org/x/tools/gopls@latest --no-background-analysis check main.go
if [ -n "${SLOW:-}" ]; then
  # next: gopls-flag
  docker run --rm -v "$PWD:/src" tools gopls --skip-install check /src/main.go
fi
# next: ulimit-v
(ulimit -Sv 2097152; "$HOME/go/bin/gopls" check main.go)
# next: gopls-sockets
find "${TMPDIR:-/tmp}" -maxdepth 1 -name "gopls-*" -mmin +60 -exec rm -rf {} +
# next: gopls-sockets
find /tmp -name 'gopls-*' | xargs rm -f
# next: gopls-sockets
rm -rf /tmp/gopls-*
# next: gomemlimit
GOMEMLIMIT=2GB gopls check main.go
