# The words of this project: quickstart, test, check, bench. Each sets up what it needs.
PYTHON ?= python3
VENV   ?= .venv
BIN     = $(VENV)/bin
# `auto` lets pip choose; the constraints hold the versions that were tested together.
PIP     = $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: quickstart test check format bench bench-gpu example clean

quickstart: $(VENV)/.user
	$(BIN)/harness run suites/quickstart.yaml

# As many at a time as there are cores, each with one thread: more would wait for each other.
test: $(VENV)/.developer
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile

check: $(VENV)/.developer
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/.developer
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.developer
	$(BIN)/python -m pytest tests/benchmarks --benchmark-enable --benchmark-columns=min,median,iqr,rounds
	$(BIN)/python benchmarks/encode.py
	$(BIN)/python benchmarks/startup.py

# What a GPU gives is held against the CPU, then timed; both skip, with the reason, where there is none.
bench-gpu: $(VENV)/.developer
	$(BIN)/python -m pytest -m gpu -rs
	$(BIN)/python benchmarks/gpu.py

# The result and the report that lie in the repository; ir_datasets fetches the collection, or finds it in IR_DATASETS_HOME.
example: $(VENV)/.developer
	$(BIN)/harness run suites/scifact.yaml

$(VENV)/.user: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) -e '.[offline]'
	touch $@

$(VENV)/.developer: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) -e '.[dev]'
	touch $@ $(VENV)/.user

clean:
	rm -rf $(VENV) .harness .mypy_cache .ruff_cache .pytest_cache
