# What people run. Each target does all the set-up that it needs.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

VERSIONS := 3.14 3.13 3.12 3.11
# The newest Python that is at hand, those of pyenv included; PYTHON=... chooses another one.
PYTHON ?= $(shell scripts/find_python $(VERSIONS) python3 python)
BIN := .venv/bin
READY := .venv/ready
DEMO_READY := .venv/demo-ready
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check

# Some images tell Python not to keep what it has compiled: each of the hundreds of processes that the tests start would
# compile all of the sources again, which is half of its start.
export PYTHONDONTWRITEBYTECODE :=

# Makes .venv with a Python.
define venv
[ -n $(1) ] || { echo "make: no Python of version 3.11 or newer on the PATH or under pyenv" >&2; exit 1; }; \
	echo "Making .venv with $$($(1) --version) ..."; $(1) -m venv --clear .venv
endef

# Makes each of some targets, whatever becomes of the others, and says at the end which of them have failed.
define each
@failed=; for part in $(1); do $(MAKE) --no-print-directory $$part || failed="$$failed $$part"; done; \
	[ -z "$$failed" ] || { echo "failed:$$failed" >&2; exit 1; }
endef

.PHONY: help demo test lint types imports tests test-domain test-rest first-hour bench against protos protos-check compatibility reliability strangers scale simulate test-oldest \
	test-all-pythons clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

# Whoever develops has what the demo needs as well.
$(READY): pyproject.toml
	@python="$(PYTHON)"; $(call venv,"$$python")
	@echo "Installing what the tests need (once; a minute or two) ..."
	$(BIN)/python $(PIP_INSTALL) --editable '.[dev]'
	@touch $(DEMO_READY) $@

$(DEMO_READY): pyproject.toml
	@python="$(PYTHON)"; $(call venv,"$$python")
	@echo "Installing what the demo needs (once; some 20 packages) ..."
	$(BIN)/python -m pip install --disable-pip-version-check --editable .
	@touch $@

demo: $(DEMO_READY) ## run the shop example with real processes
	$(BIN)/collector-mesh demo

test: $(READY) ## everything that has to pass
	$(call each,lint types imports protos-check test-domain test-rest)

lint: $(READY) ## style
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(READY) ## types
	$(BIN)/mypy
	$(BIN)/basedpyright

imports: $(READY) ## which part may know which
	PYTHONPATH=src $(BIN)/lint-imports --no-cache

protos: $(READY) ## generate the protobuf code anew
	$(BIN)/python scripts/generate_protos.py

protos-check: $(READY) ## is the protobuf code up to date?
	$(BIN)/python scripts/generate_protos.py --check

tests: $(READY) ## the test suite, with the coverage of the domain
	$(call each,test-domain test-rest)

# The domain is covered by its own tests: those of whole meshes go through most of it without a look at what it does.
test-domain: $(READY)
	$(BIN)/pytest --numprocesses 2 --dist worksteal tests/unit/domain --cov --cov-report=term

# More processes than cores, because many of these tests wait for others.
test-rest: $(READY)
	$(BIN)/pytest --numprocesses 4 --dist worksteal --ignore tests/unit/domain

first-hour: $(READY) ## play the README in a fresh clone, from the installation to the first test
	$(BIN)/python scripts/pages.py README.md

bench: $(READY) ## the figures, each beside its yardstick
	$(BIN)/python -m benchmarks

REF ?= main

against: $(READY) ## what a call costs here and at REF=main, side by side; takes minutes
	$(BIN)/python -m benchmarks.against $(REF)

compatibility: $(READY) ## our verdicts on changes of interfaces, held against buf's: CHANGES=2000 SEED=1000
	COMPATIBILITY_BUF=required COMPATIBILITY_CHANGES=$(or $(CHANGES),2000) COMPATIBILITY_SEED=$(or $(SEED),1000) \
		$(BIN)/pytest tests/contract/test_compatibility.py

reliability: $(READY) ## faults with real processes, and their figures into docs/reliability.md
	$(BIN)/python -m benchmarks.faults --write

strangers: $(READY) ## bad input, abuse and a soak: INPUTS=1000000 SOCKETS=20000 SOAK=300 take an hour
	$(BIN)/python -m benchmarks.strangers --inputs $(or $(INPUTS),50000) --sockets $(or $(SOCKETS),300) --soak $(or $(SOAK),20)

scale: $(READY) ## how meshes of up to 10,000 collectors grow, into docs/scale.md; takes minutes
	$(BIN)/python $(PIP_INSTALL) --editable '.[docs]'
	$(BIN)/python -m benchmarks.scale --write

SCENARIOS := $(filter-out __init__ shop,$(basename $(notdir $(wildcard examples/scenarios/*.py))))
SEEDS ?= 1000

simulate: $(READY) ## the scenarios in examples/scenarios (SCENARIOS="chaos ..."), each under SEEDS=1000 seeds
	@failed=; for name in $(SCENARIOS); do echo "== $$name"; \
		$(BIN)/collector-mesh simulate examples.scenarios.$$name:scenario --seeds $(SEEDS) --jobs 2 \
		|| failed="$$failed $$name"; done; \
	[ -z "$$failed" ] || { echo "fail:$$failed" >&2; exit 1; }

# Stubs, servicers and the gateway stand on classes of grpcio that change from version to version.
OF_GRPC := $(addprefix tests/integration/test_,gateway.py foreign_clients.py like_grpcurl.py reflection.py call.py) \
	$(addprefix tests/unit/mesh/test_,mounted.py stubs.py sync_stubs.py)

# The oldest versions that pyproject.toml allows of what the wire depends on. What is our own Python alone needs
# none of that: of the unit tests those of adapters are run. `make test-oldest OLDEST=tests` runs all.
OLDEST ?= tests/unit/adapters tests/contract $(OF_GRPC)

OLDEST_READY := build/oldest/ready

$(OLDEST_READY): pyproject.toml
	@python="$(PYTHON)"; [ -n "$$python" ] || { echo "make: no Python of version 3.11 or newer" >&2; exit 1; }; \
		echo "Making build/oldest with $$($$python --version) ..."; "$$python" -m venv --clear build/oldest
	build/oldest/bin/python $(PIP_INSTALL) --editable '.[dev]' grpcio==1.78.2 grpcio-health-checking==1.78.2 \
		grpcio-reflection==1.78.2 protobuf==6.33.5 attrs==24.2.0 dependency-injector==4.46.0
	@touch $@

test-oldest: $(OLDEST_READY) ## what touches libraries, under the oldest ones that are supported
	build/oldest/bin/pytest --numprocesses 3 --dist worksteal $(OLDEST)

test-all-pythons: ## the suite under every supported Python that is at hand
	@for version in $(VERSIONS); do \
		python=$$(scripts/find_python $$version) || { echo "$$version: not at hand"; continue; }; \
		echo "== $$version"; "$$python" -m venv --clear build/python$$version; \
		build/python$$version/bin/python $(PIP_INSTALL) --editable '.[dev]'; \
		build/python$$version/bin/pytest -q; done

clean: ## remove what was made
	rm -rf .venv build dist .coverage .import_linter_cache .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -r {} +
