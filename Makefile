# The two commands of the README, and what keeps the project in order.
PYTHON ?= python3
CORES ?= all
BIN := .venv/bin
READY := .venv/.ready-$(shell cksum requirements.lock | cut -d' ' -f1)$(TORCH)
DEV := .venv/.dev-$(shell cat requirements.lock requirements-dev.lock | cksum | cut -d' ' -f1)$(TORCH)
SLURM_READY := .venv/.slurm-$(shell cat requirements.lock requirements-slurm.lock | cksum | cut -d' ' -f1)
SMK := workflow/rules/*.smk Snakefile

PYTEST := $(BIN)/python -m pytest -n logical --maxprocesses 4 --dist worksteal

# TORCH=cpu installs PyTorch without CUDA, if the package index has it. TORCH_INDEX names one more index that has it,
# TORCH_VERSION and TORCHVISION_VERSION other versions than those of the lock.
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
INDEX := $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))
ifeq ($(TORCH),cpu)
PINS := sed -E -e '/^(nvidia|cuda)-|^triton=/d' -e 's/^torch==([^ ]+)/torch==$(or $(TORCH_VERSION),\1)+cpu/' \
  -e 's/^torchvision==([^ ]+)/torchvision==$(or $(TORCHVISION_VERSION),\1)/' requirements.lock
# Byte code of every module of PyTorch and SciPy is 300 MB. So only that of the modules that runs import is made.
PIP += --no-compile
BYTE_CODE := env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -c 'import matplotlib.pyplot, numba, pandas, scipy.stats, \
  sklearn.datasets, snakemake.cli, torch'
else ifeq ($(TORCH),)
PINS := cat requirements.lock
else
$(error TORCH: found '$(TORCH)'; expected cpu, or nothing for the build with CUDA)
endif

.PHONY: help requirements digits test test-browser test-slurm test-all slurm lock lint leftovers clean clean-all

help:
	@echo "make digits   set up .venv, run the eight conditions on scikit-learn's digits, end with report.html"
	@echo "make test     set up .venv, run the tests"
	@echo "make test-browser test the explorer and the report in Chromium"
	@echo "make slurm    install what runs on a Slurm cluster need besides (docs/cluster.md)"
	@echo "make test-slurm test it on a Slurm of one node (root, Debian's slurm-wlm and munge)"
	@echo "make test-all the same and the slow ones: all five published studies, kills at random times, more fuzz"
	@echo "make lint     formatting, linters, types"
	@echo "make lock     requirements.lock, requirements-dev.lock and envs/normreg.yaml from pyproject.toml (needs uv)"
	@echo "make requirements print what is installed to run; with TORCH=cpu, PyTorch without CUDA (docs/install.md)"
	@echo "make leftovers list results that no study makes any more"
	@echo "make clean    delete results, logs, the prepared data and the report; downloads and compiled kernels stay"
	@echo "make clean-all the same, and downloads and kernels"
	@echo
	@echo "Other runs: .venv/bin/snakemake --cores 4 --resources gpu=1 --config KEY=VALUE ..."
	@echo "Keys:       dataset study seeds epochs network device jobs_per_gpu engine mnist_dir (config/README.md)"
	@echo "Read on:    README.md, docs/use.md"

$(READY): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "normreg needs Python 3.11 or later; '$(PYTHON)' is $$($(PYTHON) -V). Use: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv --clear .venv
	@$(PINS) > .venv/requirements.txt
	$(PIP) $(INDEX) -r .venv/requirements.txt
	@$(BYTE_CODE)
	@touch $@

$(DEV): $(READY) requirements-dev.lock
	$(PIP) -r .venv/requirements.txt $(INDEX) -r requirements-dev.lock
	@touch $@

requirements:
	@$(PINS)

slurm: $(SLURM_READY)

$(SLURM_READY): $(READY) requirements-slurm.lock
	$(PIP) -r .venv/requirements.txt $(INDEX) -r requirements-slurm.lock
	@touch $@

digits: $(READY)
	$(BIN)/snakemake --cores $(CORES) --resources gpu=1 --quiet rules host reason \
	  --report report.html --report-after-run --config dataset=digits
	@echo
	@echo "Figures:  results/digits/controlled/ (validation_accuracy.png, validation_loss.png, */gallery.png)"
	@echo "Summary:  results/digits/controlled/summary.csv"
	@echo "Report:   report.html (open it in a browser)"

test: $(DEV)
	$(PYTEST)

# Debian's Chromium has been tried. Any other: make test-browser CHROMIUM=/usr/bin/google-chrome
CHROMIUM ?= $(shell command -v chromium)
test-browser: $(DEV)
	@test -n "$(CHROMIUM)" || { \
	  echo "No chromium here. Install it (apt-get install chromium), or name one: make test-browser CHROMIUM=..."; exit 1; }
	CHROMIUM="$(CHROMIUM)" $(BIN)/python -m pytest tests/browser

# Starts Slurm's processes on this machine for some minutes, and ends them. Says so and passes where it cannot.
test-slurm: $(DEV) $(SLURM_READY)
	$(BIN)/python -m pytest tests/slurm

test-all: $(DEV)
	$(PYTEST) -m "" --hypothesis-profile=thorough

lint: $(DEV)
	$(BIN)/snakefmt --check --compact-diff Snakefile workflow
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/snakemake --lint

COMPILE := uv pip compile pyproject.toml --universal --python-version 3.11 --no-header --no-annotate --quiet
lock:
	{ echo '# The pins of everything that a run needs. Made by `make lock` from pyproject.toml.'; \
	  $(COMPILE) --group workflow; \
	} > requirements.lock
	{ echo '# The pins that tests and linters need besides requirements.lock. Made by `make lock` from pyproject.toml.'; \
	  $(COMPILE) --group workflow --group dev --constraint requirements.lock | grep -vxFf requirements.lock; \
	} > requirements-dev.lock
	{ echo '# Runs on a Slurm cluster need these too. Made by `make lock` from pyproject.toml, group slurm.'; \
	  sed -n '/^slurm = \[/,/^\]/s/^  "\(.*\)",$$/\1/p' pyproject.toml; \
	} > requirements-slurm.lock
	{ printf '%s\n' '# Conda environment of the rules: the pins of requirements.lock. Made by `make lock`.' \
	    'channels: [conda-forge]' 'dependencies:' '  - python=3.12' '  - pip' '  - pip:'; \
	  sed -nE "s/^([a-z].*)$$/      - \"\1\"/p" requirements.lock; \
	} > envs/normreg.yaml

leftovers: $(READY)
	@PYTHONPATH=workflow/scripts $(BIN)/python -m normreg.config.leftovers

# What takes long to get again stays: MNIST's download, and minutes of compiling.
clean:
	rm -rf logs report.html $(filter-out results/README.md,$(wildcard results/*)) \
	  $(filter-out resources/download resources/engine,$(wildcard resources/*))

clean-all: clean
	rm -rf resources/*
