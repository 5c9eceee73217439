# The two commands of the README, and what keeps the project in order.
PYTHON ?= python3
CORES ?= all
BIN := .venv/bin
# Sets up .venv. It says nothing and does nothing if .venv is ready.
INSTALL := $(PYTHON) envs/install.py
export TORCH TORCH_INDEX TORCH_VERSION TORCHVISION_VERSION
ifeq ($(origin PYTHON),command line)
export THIS_PYTHON := yes
endif

ifeq ($(filter Makefile ./Makefile GNUmakefile,$(lastword $(MAKEFILE_LIST))),)
$(error Give this command in the folder of the clone, or as: make -C FOLDER)
endif

PYTEST := $(BIN)/python -m pytest -n logical --maxprocesses 4 --dist worksteal

.PHONY: help requirements install install-dev slurm digits test test-browser test-slurm test-all lock lint docs leftovers clean clean-all

help:
	@echo "make install  set up .venv (with uv if there is one, else with pip), and no more"
	@echo "make digits   set up .venv, run the eight conditions on scikit-learn's digits, end with report.html"
	@echo "make test     set up .venv, run the tests"
	@echo "make test-browser test the explorer and the report in Chromium"
	@echo "make slurm    install what runs on a Slurm cluster need besides (docs/cluster.md)"
	@echo "make test-slurm test it on a Slurm of one node (root, Debian's slurm-wlm and munge)"
	@echo "make test-all the same and the slow ones: all five published studies, kills at random times, more fuzz"
	@echo "make lint     formatting, linters, types"
	@echo "make docs     the documentation as a site, in build/site"
	@echo "make lock     requirements.lock, requirements-dev.lock and envs/normreg.yaml from pyproject.toml (needs uv)"
	@echo "make requirements print what is installed to run; with TORCH=cpu, PyTorch without CUDA (docs/install.md)"
	@echo "make tables   write the tables of settings in config/README.md and docs/engine.md anew"
	@echo "make leftovers list results that no study makes any more"
	@echo "make clean    delete results, logs, the prepared data and the report; downloads and compiled kernels stay"
	@echo "make clean-all the same, and downloads and kernels"
	@echo
	@echo "Other runs: .venv/bin/snakemake --cores 4 --resources gpu=1 --config KEY=VALUE ..."
	@echo "Keys:       dataset study seeds epochs network device jobs_per_gpu engine mnist_dir (config/README.md)"
	@echo "Read on:    README.md, docs/use.md"

install:
	@$(INSTALL) run

install-dev:
	@$(INSTALL) run dev

slurm:
	@$(INSTALL) run slurm

requirements:
	@$(INSTALL) pins

digits: install
	$(BIN)/snakemake --cores $(CORES) --resources gpu=1 \
	  --report report.html --report-after-run --config dataset=digits
	@echo
	@echo "Figures:  results/digits/controlled/ (validation_accuracy.png, validation_loss.png, */gallery.png)"
	@echo "Summary:  results/digits/controlled/summary.csv"
	@echo "Report:   report.html (open it in a browser)"

test: install-dev
	$(PYTEST)

# Debian's Chromium has been tried. Any other: make test-browser CHROMIUM=/usr/bin/google-chrome
CHROMIUM ?= $(shell command -v chromium)
test-browser: install-dev
	@test -n "$(CHROMIUM)" || { \
	  echo "No chromium here. Install it (apt-get install chromium), or name one: make test-browser CHROMIUM=..."; exit 1; }
	CHROMIUM="$(CHROMIUM)" $(BIN)/python -m pytest tests/browser

# Starts Slurm's processes on this machine for some minutes, and ends them. Says so and passes where it cannot.
test-slurm: install-dev slurm
	$(BIN)/python -m pytest tests/slurm

test-all: install-dev
	$(PYTEST) -m "" --hypothesis-profile=thorough

# The tables of settings in config/README.md and docs/engine.md
tables: install
	$(BIN)/python docs/tables.py

lint: install-dev
	$(BIN)/snakefmt --check --compact-diff Snakefile workflow
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/snakemake --lint

# The same Markdown files that read well without it. A broken link or an unknown anchor fails.
docs: install-dev
	$(BIN)/python -m sphinx -E -W --keep-going --quiet -c docs/site . build/site
	@echo "Site: build/site/index.html"

COMPILE := uv pip compile pyproject.toml --universal --python-version 3.11 --no-header --no-annotate --quiet
lock:
	{ echo '# The pins of everything that a run needs. Made by `make lock` from pyproject.toml.'; \
	  $(COMPILE) --group workflow; \
	} > new.lock && mv new.lock requirements.lock
	{ echo '# The pins that tests and linters need besides requirements.lock. Made by `make lock` from pyproject.toml.'; \
	  $(COMPILE) --group workflow --group dev --constraint requirements.lock | grep -vxFf requirements.lock; \
	} > new.lock && mv new.lock requirements-dev.lock
	{ echo '# Runs on a Slurm cluster need these too. Made by `make lock` from pyproject.toml, group slurm.'; \
	  sed -n '/^slurm = \[/,/^\]/s/^  "\(.*\)",$$/\1/p' pyproject.toml; \
	} > requirements-slurm.lock
	{ printf '%s\n' '# Conda environment of the rules: the pins of requirements.lock. Made by `make lock`.' \
	    'channels: [conda-forge]' 'dependencies:' '  - python=3.12' '  - pip' '  - pip:'; \
	  sed -nE "s/^([a-z].*)$$/      - \"\1\"/p" requirements.lock; \
	} > envs/normreg.yaml

leftovers:
	@$(INSTALL) check
	@PYTHONPATH=workflow/scripts $(BIN)/python -P -m normreg.config.leftovers

# Deletes nothing behind a link. What takes long to get again stays: downloads, and minutes of compiling.
clean:
	@for folder in results resources; do \
	  if test -L $$folder; then echo "$$folder is a link: delete what you do not need behind it yourself."; exit 1; fi; done
	rm -rf logs report.html
	test ! -d results || find results -mindepth 1 -maxdepth 1 ! -name README.md -exec rm -rf {} +
	test ! -d resources || find resources -mindepth 1 -maxdepth 1 ! -name download ! -name engine -exec rm -rf {} +

clean-all: clean
	test ! -d resources || find resources -mindepth 1 -maxdepth 1 -exec rm -rf {} +
