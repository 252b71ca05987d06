"""The jobs: command lines over public packages, as a CI job runs them.

Each runs as `sh -e -c SCRIPT` in an empty folder of its own. WORK is where the packages
are, KEPT a folder that the runs of one job share (what a CI system calls its cache), LEAKS
the programs with a leak, and LEAK how many MiB a second they keep.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Job:
    """A healthy command line, and where there is one the same with a leak in or beside it.

    What is `held_out` is of a kind that the rules were never chosen on. `leak` says what
    leaks, for people. The peak is the highest of `peak_runs` runs without a limit.
    """

    name: str
    tool: str
    runtime: str
    script: str
    held_out: bool = False
    leaky: str = ""
    leak: str = ""
    peak_runs: int = 1


_NODE = "N=$WORK/node/node_modules; PATH=$N/.bin:$PATH; ln -s $N node_modules; "
_PYTHON = "PATH=$WORK/python/{0}/bin:$PATH; P=$(echo $WORK/python/{0}/lib/*/site-packages); "
_TYPES, _LINT, _DOCS, _SUITES = map(_PYTHON.format, ("types", "lint", "docs", "suites"))
_JVM = (
    "J=$WORK/jvm/jars; S=$WORK/jvm/src; CP=$(echo $(ls $J/*.jar | grep -v sources) | "
    "tr ' ' :); "
)
_RUST = "export CARGO_TARGET_DIR=$PWD/target CARGO_NET_OFFLINE=true; cd $WORK/rust/"
_GO_COLD = "export GOCACHE=$PWD/cache GOPROXY=off; "
_PYTEST = "pytest -q -p no:cacheprovider "

_WEBPACK = (
    _NODE + "echo 'import * as THREE from \"three\"; console.log(THREE)' >a.js; "
    "webpack --mode development --devtool source-map --entry ./a.js"
)
_ESLINT = (
    _NODE + "mkdir src; cp -r $N/three/src/[a-e]* $N/three/src/[g-l]* src; "
    "cp {} eslint.config.mjs; eslint src --format json -o out.json || [ $? = 1 ]"
)
_JAVAC = (
    "java -Xms200m -Xmx{} -XX:+UseSerialGC com.sun.tools.javac.Main -nowarn {} -cp $CP -d out "
    "$(find $S/guava*/com/google/common/[abhimp]* -name '*.java')"
)
_MYPY = _TYPES + "mypy {}--cache-dir cache -p sqlalchemy.sql >out || [ $? = 1 ]"
_SPHINX = (
    _DOCS
    + "cp -r $WORK/python/sphinx-*/doc .; cd doc; rm -r changes development extdev internals; "
    "cd ..; "
    "sphinx-build -q -b html -D extensions=sphinx.ext.autodoc,sphinx.ext.doctest,"
    "sphinx.ext.todo,sphinx.ext.extlinks,sphinx.ext.viewcode,sphinx.ext.graphviz{} doc out"
)
_NETWORKX = _SUITES + "cp -r $P/networkx .; cd networkx; "
_NETWORKX_RUN = _PYTEST + "algorithms/tests/test_[a-c]*.py"
_CARGO = _RUST + "clap; cargo build -q -j2"
_GO_BUILD = "cd $WORK/go/compress; go build -p 2 ./zstd"

JOBS: tuple[Job, ...] = (
    Job("tsc", "tsc", "Node",
        _NODE + 'echo \'import * as a from "antd"; '
        "export const x = a.version;' >a.ts; tsc --noEmit --strict --skipLibCheck "
        "--target es2022 --module esnext --moduleResolution bundler --jsx react-jsx a.ts",
        held_out=True),
    Job("webpack", "webpack", "Node", _WEBPACK, held_out=True,
        leaky=_WEBPACK + " -c $LEAKS/webpack.config.js",
        leak="a webpack plugin that keeps what it saw"),
    Job("rollup", "rollup", "Node",
        _NODE + 'echo \'export * from "three"; export * as d3 from "d3"; export * as l '
        "from \"lodash-es\";' >a.js; "
        "rollup a.js -p node-resolve --format es --sourcemap -o out.js"),
    Job("eslint", "ESLint", "Node", _ESLINT.format("$LEAKS/eslint.plain.mjs"),
        leaky=_ESLINT.format("$LEAKS/eslint.leaky.mjs"),
        leak="an ESLint rule that keeps every file"),
    Job("prettier", "Prettier", "Node",
        _NODE + "cp -r $N/three/src/math src; cp -r $N/three/src/core src/core; "
        "prettier --list-different src || [ $? = 1 ]"),
    Job("terser", "terser", "Node",
        _NODE + "terser $N/three/build/three.module.js -c -m -o out.js"),
    Job("esbuild", "esbuild", "Go",
        _NODE + 'for p in antd three date-fns d3 lodash-es; do echo "export * from \\"$p\\"" '
        ">>a.js; done; for n in 1 2; do "
        "esbuild a.js --bundle --minify --sourcemap --outfile=out$n.js; done"),
    Job("vite", "Vite", "Node",
        _NODE + "echo '<script type=module src=./a.js></script>' >index.html; "
        'echo \'import * as T from "three"; import * as d from "d3"; '
        "console.log(T, d)' >a.js; vite build --minify false"),
    Job("typedoc", "TypeDoc", "Node",
        _NODE + 'cp -r $N/rxjs/src src; echo \'{"compilerOptions":{"target":"es2022",'
        '"lib":["es2022","dom"],"strict":true,"moduleResolution":"node"},"include":'
        "[\"src/index.ts\"]}' >tsconfig.json; "
        "typedoc --skipErrorChecking --out docs src/index.ts"),
    Job("pyright", "Pyright", "Node",
        _NODE + "ln -s $WORK/python/lint/lib/*/site-packages/django/core/mail src; "
        "pyright --pythonpath $WORK/python/lint/bin/python src >out || [ $? = 1 ]"),
    Job("javac", "javac", "JVM", _JVM + _JAVAC.format("200m", "-proc:none"),
        leaky=_JVM + "javac -d leak $LEAKS/KeepingProcessor.java; "
        + _JAVAC.format("6g", "-processorpath leak -processor KeepingProcessor"),
        leak="an annotation processor that keeps an index"),
    Job("javadoc", "javadoc", "JVM",
        _JVM + "javadoc -J-Xms64m -J-Xmx600m -J-XX:+UseG1GC -quiet -Xdoclint:none -cp "
        "$CP -d out $(find $S/commons-lang3*/org/apache/commons/lang3/[a-b]* -name '*.java')"),
    Job("scalac", "scalac", "JVM",
        _JVM + "mkdir out; java -Xms256m -Xmx256m -XX:+UseSerialGC -cp $CP "
        "scala.tools.nsc.Main -nowarn -usejavacp -d out "
        "$(find $S/scala-parser-combinators* -name '*.scala')",
        held_out=True),
    Job("junit", "JUnit", "JVM",
        _JVM + "java -Xms96m -Xmx96m -XX:+UseG1GC -jar "
        "$J/junit-platform-console-standalone-*.jar execute -cp $CP "
        "-p org.apache.commons.collections4.map --details none >out || [ $? = 1 ]",
        held_out=True),
    Job("mypy", "mypy", "Python", _MYPY.format(""),
        leaky=_MYPY.format("--no-fast-exit --config-file $LEAKS/mypy.ini "),
        leak="a mypy plugin that keeps what it saw"),
    Job("pylint", "Pylint", "Python",
        _LINT + "pylint -j1 --disable=all --enable=E,W $P/requests >out || "
        "[ $? -lt 32 ]", held_out=True),
    Job("black", "Black", "Python",
        _LINT + "cp -r $P/django/core/management src; black -q -l 60 -W 1 src"),
    Job("bandit", "Bandit", "Python",
        _LINT + "bandit -q -r $P/django/core $P/django/http "
        "-o out -f json || [ $? = 1 ]"),
    Job("sphinx", "Sphinx", "Python", _SPHINX.format(""), held_out=True,
        leaky=_SPHINX.format(",keeping_extension"),
        leak="a Sphinx extension that keeps every page"),
    Job("pytest-networkx", "pytest", "Python", _NETWORKX + _NETWORKX_RUN,
        leaky=_NETWORKX + "cp $LEAKS/keeping_fixture.py .; " + _NETWORKX_RUN
        + " -p keeping_fixture", leak="a pytest fixture that keeps its data"),
    Job("pytest-pandas", "pytest", "Python",
        _SUITES + _PYTEST + "-o addopts= $P/pandas/tests/reshape/concat "
        ">out || [ $? = 1 ]", held_out=True),
    Job("cargo-build", "cargo", "Rust", _CARGO, held_out=True,
        leaky="node $LEAKS/beside.js $LEAK & " + _CARGO + "; wait",
        leak="a Node process beside the job that keeps what it polls"),
    Job("clippy", "Clippy", "Rust", _RUST + "regex; cargo clippy -q -j2"),
    Job("rustdoc", "rustdoc", "Rust", _RUST + "regex; cargo doc -q -j2"),
    Job("go-build", "go build", "Go", _GO_COLD + _GO_BUILD,
        leaky=_GO_COLD + "python3 $LEAKS/beside.py $LEAK & " + _GO_BUILD + "; wait",
        leak="a Python process beside the job that keeps what it polls"),
    Job("staticcheck", "staticcheck", "Go",
        _GO_COLD + "export STATICCHECK_CACHE=$PWD/checks; cd $WORK/go/compress; "
        "$WORK/go/bin/staticcheck ./fse || [ $? = 1 ]", held_out=True),
    Job("gopls-cold", "gopls", "Go",
        "export GOPLSCACHE=$PWD/gopls GOPROXY=off; cd $WORK/go/small; "
        "$WORK/go/bin/gopls check huff0/*.go", held_out=True, peak_runs=3),
    Job("gopls-warm", "gopls", "Go",
        "export GOPLSCACHE=$KEPT/gopls GOPROXY=off; cd $WORK/go/small; "
        "$WORK/go/bin/gopls check huff0/*.go", held_out=True, peak_runs=5),
    Job("gcc-sqlite", "gcc", "C", "gcc -O0 -g -c $WORK/c/sqlite/sqlite3.c -o out.o"),
    Job("make-zstd", "make and gcc", "C",
        "cp -r $WORK/c/zstd .; for f in zstd/lib/compress/*.c zstd/lib/common/*.c; do "
        'echo "$f.o: $f; gcc -O1 -g -Izstd/lib -c \\$< -o \\$@"; done >rules; '
        'make -s -j2 -f rules $(cut -d: -f1 rules)'),
)  # fmt: skip
