# Each target does all its own set-up: it can be the first one run on a machine that has only Python (3.11 or newer), git
# and make. A second run installs nothing. The work is done by small scripts in tools/.

# Our own environment when it is there, else the newest Python that the pinned packages are made for.
PYTHON ?= $(shell for each in .venv/bin/python python3.13 python3.12 python3.11 python3 python; do \
	"$$each" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	&& { command -v "$$each"; break; }; done)

.DEFAULT_GOAL := help
.PHONY: help demo test lint format bench setup packages constraints hooks clean

help:
	@echo "make demo           the whole job on a small website of its own: crawl, label, learn, publish, report"
	@echo "make test           lint, types, import floors, and all tests; about 20 minutes"
	@echo "make lint           lint, types and import floors only"
	@echo "make bench          the claims that can be measured; make bench CLAIM=name measures one"
	@echo "make setup          only the set-up: packages, a browser, Label Studio"
	@echo "make format         put the code into its form"
	@echo "make hooks          check each commit before it is made"
	@echo "make constraints    resolve the pinned packages anew"
	@echo "make clean          remove caches and builds; the environment stays"

demo: setup
	@.venv/bin/tilth demo $(ARGS)

test: setup
	@.venv/bin/python tools/run_stages.py lint types floors unit integration kill

lint: packages
	@.venv/bin/python tools/run_stages.py lint types floors

format: packages
	@.venv/bin/ruff check --fix . ; .venv/bin/ruff format .

bench: setup
ifdef CLAIM
	@test -f "benchmarks/$(CLAIM).py" || { echo "There is no benchmarks/$(CLAIM).py; 'make bench' lists the claims." >&2; exit 2; }
	@.venv/bin/python benchmarks/$(CLAIM).py $(ARGS); code=$$?; .venv/bin/python tools/write_figures.py; exit $$code
else
	@echo "Claims; measure one with: make bench CLAIM=name"
	@for each in $$(grep -l 'Proof($$\|Proof("' benchmarks/*.py | grep -v /claim.py); do \
		printf '  %-24s %s\n' "$$(basename $$each .py)" "$$(sed -n '1s/^"""//; 1s/"""$$//; 1p' $$each)"; done
endif

setup: python
	@$(PYTHON) tools/set_up.py all

packages: python
	@$(PYTHON) tools/set_up.py packages

.PHONY: python
python:
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed and none is on the PATH; name one: make PYTHON=/path/to/python3.11 ..." >&2; exit 2; }

constraints: python
	@$(PYTHON) tools/pin_packages.py

hooks: packages
	@.venv/bin/pre-commit install

clean:
	@rm -rf build dist setup.log .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -not -path './.venv/*' -prune -exec rm -rf {} +
