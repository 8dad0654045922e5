# Two commands: `make demo` runs the main job, `make test` the test suite; both make .venv first if need be.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export HF_HUB_OFFLINE := 1
export TOKENIZERS_PARALLELISM := false

.PHONY: demo test faults check lint docs audit clean

demo: $(VENV)/.installed
	$(BIN)/autocompress search --max-latency 20ms

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest

# Whole searches that are killed, damaged, broken or extended, and broken environments: minutes more, a part of what CI runs.
faults: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -m faults

check: test faults lint docs

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/.installed-dev
	$(BIN)/python scripts/generate_cli_reference.py --check

# Known holes of the installed packages, by name and version; asks a service on the network.
audit: $(VENV)/.installed-dev
	$(BIN)/pip install -q pip-audit
	$(BIN)/pip-audit --local

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or later is needed; name one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

# torch comes first and by itself, so that no other package asks for a build with an accelerator's libraries.
$(VENV)/.installed: $(VENV)/.created pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[demo]'
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[demo,dev]'
	@touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info
