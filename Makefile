# ebpftrace: the commands of a clone. `make help` lists them.

COMM    ?= gopls
ARGS    ?=
TESTS   ?= tests
WORKERS ?= auto
KERNEL  ?= 6.12
PAGES   ?= 4

PYTHON := .venv/bin/python
ROOT   := scripts/as-root

.DEFAULT_GOAL := help
.PHONY: help setup demo pictures watch test lint types deb image share setup-vm test-vm test-vm-all test-vm-arm64 test-trixie fleet-tools test-fleet fleet-demo vm-table vm-shell bench clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' Makefile

setup: ## Install what is missing, make .venv, mount tracefs
	@scripts/setup

demo: setup ## Watch three CI jobs made for show, one leaking (ARGS=...)
	@$(ROOT) $(PYTHON) -m ebpftrace.demo $(ARGS)

pictures: setup ## Draw the README's pictures: the demo, and a race
	@mkdir -p docs/pictures
	@$(ROOT) $(PYTHON) -m ebpftrace.demo --duration 15s \
		--screenshot docs/pictures/dashboard.svg --size 160x40
	@sed -i 's|$(CURDIR)/|./|g' docs/pictures/dashboard.svg  # no machine's paths in docs
	@$(ROOT) $(PYTHON) -m bench.race_chart docs/pictures/race.svg

watch: setup ## Watch this machine's own processes (COMM=gopls, ARGS=...)
	@$(ROOT) $(PYTHON) -m ebpftrace watch $(foreach comm,$(COMM),--comm '$(comm)') $(ARGS)

test: lint types ## lint, types, tests (TESTS=..., WORKERS=1, ARGS=..., ROOT=)
	@if command -v go >/dev/null; then $(PYTHON) -m tests.support.gopls_install; \
	else echo "go is not installed: the tests with a real gopls will say so"; fi
	@$(ROOT) $(PYTHON) -m pytest -n $(WORKERS) \
		$(if $(filter tests,$(TESTS)),--ignore=tests/fleet) $(TESTS) $(ARGS)

lint: setup ## ruff, its formatting, and spelling
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/codespell

types: setup ## mypy, strict, and the import contract
	.venv/bin/mypy
	.venv/bin/lint-imports

deb: setup ## Build the Debian package into dist/
	@scripts/deb

image: setup ## Make the image dist/ebpftrace-image.tar, without a registry
	@$(ROOT) scripts/image

share: setup ## Write the man page and the completions into share/
	@$(PYTHON) -m ebpftrace.cli.share share

setup-vm: setup ## Install what the booted kernels of test-vm need
	@scripts/setup-vm

test-vm: setup-vm ## Kernel and end-to-end tests, booted (KERNEL=6.12, TESTS=...)
	@$(ROOT) $(PYTHON) -m tests.vm --kernel $(KERNEL) -- \
		$(filter-out tests,$(TESTS)) $(ARGS)

test-vm-all: setup-vm ## the same on every kernel that Debian's archive offers
	@$(ROOT) $(PYTHON) -m tests.vm --all -- \
		$(filter-out tests,$(TESTS)) $(ARGS)

test-vm-arm64: setup ## Some of them, emulated on arm64 (PAGES=4 or 16, in KiB)
	@scripts/setup-vm --arm64
	@$(ROOT) $(PYTHON) -m tests.vm --arch arm64 --pages $(PAGES) --kernel $(KERNEL) -- \
		$(filter-out tests,$(TESTS)) $(ARGS)

test-trixie: setup-vm ## The demo, some kernel tests in a bare Debian 13, this kernel
	@$(ROOT) $(PYTHON) -m tests.vm.trixie $(filter-out tests,$(TESTS)) $(ARGS)

fleet-tools: setup ## Build a real Kubernetes for test-fleet (10 min once)
	@nice -n 15 $(PYTHON) -m tests.fleet.tools.build

test-fleet: fleet-tools ## The tests with a real Kubernetes, on the loopback
	@$(ROOT) $(PYTHON) -m pytest tests/fleet $(ARGS)

fleet-demo: fleet-tools ## A DaemonSet on a real node, a pod that leaks, an alert
	@[ -e dist/ebpftrace-image.tar ] || $(MAKE) --no-print-directory image
	@$(ROOT) $(PYTHON) -m tests.fleet.demo

vm-table: setup ## docs/kernels.md from what test-vm-all left behind
	@$(PYTHON) -m tests.vm.table

vm-shell: setup-vm ## A root shell in such a machine, with systemd and a gopls
	@$(ROOT) $(PYTHON) -m tests.vm --kernel $(KERNEL) --shell

bench: setup ## Measure every figure that the docs quote (ARGS=...)
	@$(ROOT) $(PYTHON) -m bench $(ARGS)

clean: ## Remove what setup, tests and builds made in this folder
	$(ROOT) rm -rf .venv .cache build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	$(ROOT) find . -name __pycache__ -type d -prune -exec rm -rf {} +
