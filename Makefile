# setup, demo and test need nothing but this; what a machine lacks is installed where that is
# possible (root, apt) and named where it is not.

PYTHON := .venv/bin/python
PYTEST := $(PYTHON) -m pytest
FUZZ_EXAMPLES ?= 5000
# How long each of native/fuzz runs.
FUZZ_SECONDS ?= 60
# In CI a test that cannot run is a failure, not a skip.
STRICT := $(if $(CI),WIRESNAKE_REQUIRE_ALL=1)
CARGO := $(shell command -v cargo)
NATIVE := $(wildcard native/Cargo.* native/*/Cargo.toml native/*/src/*.rs native/*/src/*/*.rs)

.PHONY: help setup demo test test-long check bench fuzz clean

help:
	@echo "make setup      .venv with wiresnake in it"
	@echo "make demo       two hosts on this machine, a tunnel, a file through it"
	@echo "make test       every test but the long ones"
	@echo "make test-long  the long ones too"
	@echo "make check      style, types, who may import whom, sizes"
	@echo "make fuzz       every parser against $(FUZZ_EXAMPLES) hostile inputs, the native core for minutes"
	@echo "make bench      speed, beside other implementations"
	@echo "make clean      remove all that these made"

setup: .venv/installed

demo: setup
	@.ci/needs demo
	@.venv/bin/wiresnake demo

test: .venv/developing
	@.ci/needs test
	$(if $(CARGO),cargo test -q --locked --manifest-path native/Cargo.toml)
	$(STRICT) timeout -k 60 1500 $(PYTEST) -q -n auto --maxprocesses 8 --dist loadgroup

test-long: .venv/developing
	@.ci/needs test
	$(STRICT) $(PYTEST) -q -n auto --maxprocesses 8 --dist loadgroup --long

check: .venv/developing
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/lint-imports
	$(PYTEST) -q tests/house
	$(if $(CARGO),cargo fmt --all --check --manifest-path native/Cargo.toml)
	$(if $(CARGO),cargo clippy -q --locked --all-targets --manifest-path native/Cargo.toml -- -D warnings)

bench: .venv/developing
	@.ci/needs bench
	$(PYTHON) -m bench

fuzz: .venv/developing
	WIRESNAKE_FUZZ_EXAMPLES=$(FUZZ_EXAMPLES) timeout -k 60 1500 \
		$(PYTEST) -q -n auto --maxprocesses 8 --hypothesis-profile=fuzz tests/fuzz
	$(if $(CARGO),PROPTEST_CASES=$(FUZZ_EXAMPLES) cargo test -q --locked --manifest-path native/Cargo.toml --test cores)
	$(if $(CARGO),.ci/fuzz $(FUZZ_SECONDS))

clean:
	rm -rf .venv build dist native/target native/fuzz/target src/wiresnake/plane/*.so \
		src/*.egg-info .hypothesis .pytest_cache .mypy_cache .ruff_cache .import_linter_cache \
		bench/results/latest*
	find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/installed: pyproject.toml .ci/venv $(NATIVE)
	@.ci/venv .
	@touch $@

.venv/developing: .venv/installed
	@.ci/venv '.[dev]'
	@touch $@
