# Everything a developer runs. `make demo` and `make test` need nothing but Python and the network.
VERSIONS := 3.8 3.9 3.10 3.11 3.12 3.13 3.14
RANGE := $(firstword $(VERSIONS)) to $(lastword $(VERSIONS))
FITS := -c 'import sys; sys.exit("{}.{}".format(*sys.version_info) not in "$(VERSIONS)".split())'
HAS_VENV := -c 'import venv, ensurepip'

# Without PYTHON, the first one here that the pack runs on.
PYTHON := $(or $(PYTHON),$(shell for python in python3 $(VERSIONS:%=python%); do \
	"$$python" $(FITS) && "$$python" $(HAS_VENV) && echo "$$python" && break; done 2>/dev/null),python3)
VENV := .venv/$(shell $(PYTHON) -c 'import sys; print("{}.{}".format(*sys.version_info))' 2>/dev/null)
RUN := $(VENV)/bin/python
EXCHANGE := .venv/exchange
LINTED := actions sensors sandbox tests docs benchmarks

.DEFAULT_GOAL := help
.PHONY: help venv demo sandbox test test-all lint lint-exchange reference bench bench-stackstorm clean

help:  ## this list
	@awk -F '  ## ' '/^[a-z-]+:.*  ## / {sub(/:.*/, "", $$1); printf "make %-18s%s\n", $$1, $$2}' \
		$(MAKEFILE_LIST)

venv: $(VENV)/ready  ## the virtualenv alone, .venv/3.x, with all that the tests need

demo: $(VENV)/sandbox-ready  ## say "ping hello" in a sandbox and show what the pack makes of it
	@$(RUN) -m sandbox demo

sandbox: $(VENV)/sandbox-ready  ## a HipChat and a StackStorm to play with; HIPCHAT_PORT=, API_PORT=, WEBHOOK_PORT=
	@$(RUN) -m sandbox serve $(HIPCHAT_PORT:%=--hipchat-port %) $(API_PORT:%=--api-port %) \
		$(WEBHOOK_PORT:%=--webhook-port %)

# Eight at a time, whatever the number of cores: most of them wait for another process. They start
# hundreds, which would compile the pack each anew where the environment says to write no bytecode.
test: export PYTHONDONTWRITEBYTECODE =
test: $(VENV)/ready  ## the tests
	$(RUN) -m pytest -n 8 --dist loadfile tests

test-all:  ## the tests, on each supported Python that this machine has, pyenv's too
	@export PYENV_VERSION=$$(pyenv versions --bare 2>/dev/null | paste -sd:); \
	for version in $(VERSIONS); do \
		python=$$(pyenv which python$$version 2>/dev/null || command -v python$$version); \
		if [ -n "$$python" ] && "$$python" $(HAS_VENV) 2>/dev/null; then \
			echo "== Python $$version"; \
			$(MAKE) --no-print-directory test PYTHON="$$python" || exit 1; \
		else echo "== Python $$version is not here: skipped"; fi; \
	done

lint: $(VENV)/ready lint-exchange  ## the StackStorm Exchange's rules
	$(RUN) -m flake8 $(LINTED)
	$(RUN) docs/reference.py --check
	$(RUN) -m mypy actions
	$(RUN) -m mypy sensors
	$(RUN) -m mypy sandbox
	$(RUN) -m pylint -E --rcfile=.pylintrc actions/*.py actions/lib sensors/*.py sensors/listening sensors/stackstorm

# The Exchange's flake8 is of 2019, and runs on the first of these Pythons that is here.
lint-exchange:
	@export PYENV_VERSION=$$(pyenv versions --bare 2>/dev/null | paste -sd:); \
	for version in 3.10 3.9 3.8; do \
		python=$$(pyenv which python$$version 2>/dev/null || command -v python$$version); \
		[ -n "$$python" ] && "$$python" $(HAS_VENV) 2>/dev/null && break; python=; \
	done; \
	if [ -z "$$python" ]; then \
		echo "The Exchange's flake8 3.7.7 is skipped: no Python 3.8 to 3.10 is here"; exit; \
	fi; \
	[ -x $(EXCHANGE)/bin/flake8 ] || { "$$python" -m venv $(EXCHANGE) && \
		$(EXCHANGE)/bin/python -m pip install --quiet --disable-pip-version-check flake8==3.7.7; } && \
	echo "$(EXCHANGE)/bin/flake8 $(LINTED)" && $(EXCHANGE)/bin/flake8 $(LINTED)

reference: $(VENV)/ready  ## write the tables of docs/ from the pack's metadata
	$(RUN) docs/reference.py

bench: $(VENV)/bench-ready  ## the pack beside its peers, without StackStorm
	$(RUN) -m benchmarks

bench-stackstorm: $(VENV)/bench-ready  ## the same on a StackStorm: ST2_API_URL, ST2_PYTHON, ST2_EXAMPLES
	@: $${ST2_API_URL:?is not set} $${ST2_PYTHON:?is not set: see benchmarks/stackstorm.py}
	$(RUN) -m benchmarks stackstorm

$(VENV)/bench-ready: $(VENV)/ready requirements-bench.txt
	@$(RUN) -m pip install --quiet --disable-pip-version-check -r requirements-bench.txt
	@touch $@

# google-re2 is never built: without a C++ toolchain for it that ends in forty lines of errors.
$(VENV)/sandbox-ready: requirements.txt requirements-sandbox.txt
	@$(PYTHON) $(FITS) 2>/dev/null || { echo "$(PYTHON) is $$($(PYTHON) -V 2>/dev/null || echo not here): install" \
		"Python $(RANGE), or name one that is here: make PYTHON=/path/of/python3" >&2; exit 1; }
	@$(PYTHON) $(HAS_VENV) 2>/dev/null || { echo "$(PYTHON) cannot make a virtualenv: install its" \
		"module venv (Debian, Ubuntu: apt-get install python3-venv)" >&2; exit 1; }
	@echo "Making the virtualenv $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(RUN) -m pip install --quiet --disable-pip-version-check --only-binary google-re2 \
		-r requirements.txt -r requirements-sandbox.txt
	@touch $@

$(VENV)/ready: $(VENV)/sandbox-ready requirements-tests.txt requirements-client.txt
	@$(RUN) -m pip install --quiet --disable-pip-version-check -r requirements-tests.txt \
		-r requirements-client.txt
	@touch $@

clean:  ## remove what the above made
	rm -rf .venv .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
