# make tour   install into .venv, learn the first models in both backends, write one HTML page
# make test   install, then every check; needs a Python 3.12 or newer too, for the leg without torch
# Running either again reuses the environments. PYTHON=… and PYTHON312=… name interpreters by hand.
.DEFAULT_GOAL := help
.PHONY: help tour test test-long test-main test-quick test-legs leg-numpyro leg-pyro lint format clean python python312

FINDABLE := $(sort $(wildcard $(or $(PYENV_ROOT),$(HOME)/.pyenv)/versions/3.1[1-9]*/bin/python))
# The first interpreter of $(2) that runs, is at least Python $(1) and can make a virtual environment.
first_python = $(shell for p in $(2); do \
  "$$p" -c 'import ensurepip, sys; sys.exit(sys.version_info < $(1))' 2>/dev/null && echo "$$p" && break; done)
MIN_MAIN := (3, 11)
MIN_LEG := (3, 12)

PYTHON ?= $(call first_python,$(MIN_MAIN),python3.11 python3 python3.12 python3.13 $(FINDABLE))
PYTHON312 ?= $(call first_python,$(MIN_LEG),python3.12 python3.13 python3 $(FINDABLE))

BIN := .venv/bin
comma := ,
DEPS := pyproject.toml constraints.txt
MAIN := .venv/.installed
# Each leg has one backend alone.
NUMPYRO := .venv-numpyro/.installed
PYRO := .venv-pyro/.installed
# Most of a test's time is compiling, on one core each.
PARALLEL := --numprocesses 2 --dist worksteal
# What a user of one backend does; and, in the leg with newer libraries, all that touches ArviZ.
PYRO_LEG := tests/test_floors.py tests/zoo/backends/test_missing.py tests/zoo/test_cli.py tests/zoo/models
NUMPYRO_LEG := $(PYRO_LEG) tests/zoo/test_inference_data.py tests/zoo/test_diagnose.py tests/zoo/test_estimators.py

help:
	@sed -n 's/^# make/make/p' Makefile

# Install the project into $(1) with extras $(2), by interpreter $(3); the stamp comes last.
# Python compiles the modules that it imports, once: compiling every file of torch and jax takes longer than the rest.
define install
	@echo "Setting up $(1) with $$($(3) --version); this takes a minute or two."
	@$(1)/bin/python -c 'import pip' 2>/dev/null || $(3) -m venv --clear $(1)
	$(1)/bin/python -m pip install --quiet --no-compile --disable-pip-version-check --constraint constraints.txt --editable '.[$(2)]'
	@touch $@
endef

$(MAIN): $(DEPS) | python
	$(call install,.venv,dev,$(PYTHON))

$(PYRO): $(DEPS) | python
	$(call install,.venv-pyro,pyro$(comma)test,$(PYTHON))

$(NUMPYRO): $(DEPS) | python312
	$(call install,.venv-numpyro,numpyro$(comma)test,$(PYTHON312))

python:
	@test -e $(MAIN) || test -n "$(PYTHON)" || { echo "make: Python 3.11 or newer with venv was not found: install one, or say PYTHON=/path/to/python" >&2; exit 2; }

# Asked before the long tests begin, since a leg that is left out proves nothing.
python312:
	@test -e $(NUMPYRO) || test -n "$(PYTHON312)" || { echo "make: the leg without torch needs Python 3.12 or newer: install one, say PYTHON312=/path/to/python, or run 'make test-main' for all the rest" >&2; exit 2; }

tour: $(MAIN)
	$(BIN)/zoo tour

test: python312 test-main test-legs

test-main: lint
	$(BIN)/python -m pytest $(PARALLEL) -m "not long"

test-quick: lint
	$(BIN)/python -m pytest $(PARALLEL) -m "not slow and not long"

lint: $(MAIN)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(MAIN)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Checks of many minutes, such as ten seeds of every mixture in both backends.
test-long: $(MAIN)
	JAX_DISABLE_MOST_OPTIMIZATIONS=0 $(BIN)/python -m pytest -m long

test-legs: leg-numpyro leg-pyro

leg-numpyro: $(NUMPYRO)
	ZOO_TEST_BACKENDS=numpyro .venv-numpyro/bin/python -m pytest $(PARALLEL) -m "not slow and not long" $(NUMPYRO_LEG)

leg-pyro: $(PYRO)
	ZOO_TEST_BACKENDS=pyro .venv-pyro/bin/python -m pytest $(PARALLEL) -m "not slow and not long" $(PYRO_LEG)

clean:
	rm -rf .venv .venv-numpyro .venv-pyro build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache
