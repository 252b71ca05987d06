#!/bin/sh
# Fetches what the jobs need, through the registries that this machine is set up for.
# Run by `python -m bench.judgement.ci install`; the folder for it all is the first argument.
set -e
work=$1
mkdir -p "$work"
cd "$work"

step() { # NAME: whether it is still to be done; what follows a failed step is done anew
  [ ! -e "$work/$1.done" ] && echo "$1" && mkdir -p "$work/$1" && cd "$work/$1"
}

if step node; then
  npm init -y >/dev/null
  npm install --no-audit --no-fund --loglevel error typescript@5.6.3 webpack@5.96.1 \
    webpack-cli@5.1.4 three@0.170.0 antd@5.22.2 react@18.3.1 react-dom@18.3.1 \
    rollup@4.27.4 @rollup/plugin-node-resolve@15.3.0 eslint@9.15.0 @eslint/js@9.15.0 \
    prettier@3.4.1 esbuild@0.24.0 vite@6.0.1 terser@5.36.0 typedoc@0.27.2 rxjs@7.8.1 \
    pyright@1.1.389 d3@7.9.0 lodash-es@4.17.21 date-fns@4.1.0
  touch ../node.done
fi

venv() { # NAME PACKAGE…
  name=$1
  shift
  python3 -m venv "$name"
  "$name/bin/pip" install --quiet "$@"
}
if step python; then
  venv types mypy==1.13.0 sqlalchemy==2.0.36
  venv lint pylint==3.3.1 black==24.10.0 bandit==1.8.0 requests==2.32.3 django==5.1.3
  venv docs sphinx==8.1.3 flit_core
  docs/bin/pip download --quiet --no-deps --no-binary :all: --no-build-isolation \
    sphinx==8.1.3 -d .
  tar xzf sphinx-8.1.3.tar.gz
  venv suites pytest==8.3.3 pytest-timeout hypothesis==6.119.4 pandas==2.2.3 \
    numpy==2.1.3 networkx==3.4.2
  touch ../python.done
fi

dependency() { # GROUP ARTIFACT VERSION [CLASSIFIER]
  echo "<dependency><groupId>$1</groupId><artifactId>$2</artifactId><version>$3</version>"
  echo "${4:+<classifier>$4</classifier>}</dependency>"
}
if step jvm; then
  {
    echo "<project><modelVersion>4.0.0</modelVersion><groupId>bench</groupId>"
    echo "<artifactId>ci</artifactId><version>1</version><dependencies>"
    dependency com.google.guava guava 33.3.1-jre
    dependency com.google.guava guava 33.3.1-jre sources
    dependency com.google.j2objc j2objc-annotations 3.0.0
    dependency org.apache.commons commons-lang3 3.17.0
    dependency org.apache.commons commons-lang3 3.17.0 sources
    dependency org.apache.commons commons-collections4 4.4
    dependency org.apache.commons commons-collections4 4.4 tests
    dependency org.easymock easymock 5.4.0
    dependency junit junit 4.13.2
    dependency commons-io commons-io 2.17.0
    dependency org.junit.platform junit-platform-console-standalone 1.11.3
    dependency org.scala-lang scala-compiler 2.13.15
    dependency org.scala-lang.modules scala-parser-combinators_2.13 2.4.0 sources
    echo "</dependencies></project>"
  } >pom.xml
  mvn --quiet --batch-mode dependency:copy-dependencies -DoutputDirectory=jars
  for jar in jars/*-sources.jar; do
    name=$(basename "$jar" -sources.jar)
    mkdir -p "src/$name"
    (cd "src/$name" && jar xf "../../$jar")
  done
  touch ../jvm.done
fi

crate() { # NAME VERSION: a program that depends on it
  mkdir -p "$1/src"
  echo 'fn main() {}' >"$1/src/main.rs"
  printf '[package]\nname = "a"\nversion = "0.1.0"\nedition = "2021"\n' >"$1/Cargo.toml"
  printf '[dependencies]\n%s = "=%s"\n' "$1" "$2" >>"$1/Cargo.toml"
  cargo fetch --quiet --manifest-path "$1/Cargo.toml"
}
if step rust; then
  crate clap 4.5.21
  crate regex 1.11.1
  touch ../rust.done
fi

if step c; then # the sources come with the crates that wrap them
  mkdir -p get/src
  echo 'fn main() {}' >get/src/main.rs
  printf '[package]\nname = "a"\nversion = "0.1.0"\nedition = "2021"\n' >get/Cargo.toml
  printf '[dependencies]\nlibsqlite3-sys = "=0.30.1"\nzstd-sys = "=2.0.13"\n' >>get/Cargo.toml
  cargo vendor --quiet --manifest-path get/Cargo.toml vendor >/dev/null
  cp -r vendor/libsqlite3-sys/sqlite3 sqlite
  cp -r vendor/zstd-sys/zstd zstd
  touch ../c.done
fi

module() { # NAME PATH VERSION: a copy that a tool may write in
  rm -rf "$1"
  cp -r "$(go mod download -json "$2@$3" | sed -n 's/.*"Dir": "\(.*\)",/\1/p')" "$1"
  chmod -R u+w "$1"
  (cd "$1" && go mod download)
}
if step go; then
  module compress github.com/klauspost/compress v1.17.11
  mkdir -p small/internal
  cp -r compress/go.mod compress/fse compress/huff0 small
  cp -r compress/internal/cpuinfo compress/internal/fuzz small/internal
  GOBIN=$PWD/bin go install honnef.co/go/tools/cmd/staticcheck@v0.7.0
  # It needs a newer Go than may be installed; the go command fetches that as a module.
  GOTOOLCHAIN=auto GOBIN=$PWD/bin go install golang.org/x/tools/gopls@v0.24.0
  touch ../go.done
fi
