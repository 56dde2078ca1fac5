# The two commands of README: `make demo` and `make test`.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
DEMO := configs/digits_resnet14_resnet8x0.125.yaml
export TF_CPP_MIN_LOG_LEVEL ?= 2
# Tests that run at once; each worker takes up to 5 GB, and torch one thread.
WORKERS ?= 2
TEST := -m pytest --numprocesses $(WORKERS) --dist worksteal
# The demo is the TensorFlow one unless another backend is asked for.
export KERAS_BACKEND ?= tensorflow

.PHONY: demo test lint clean

demo: $(VENV)/.user
	$(RUN) -m atsc_keras distill $(DEMO) --run-dir runs/demo --overwrite --export

test: lint
	KERAS_BACKEND=tensorflow $(RUN) $(TEST)
	KERAS_BACKEND=jax $(RUN) $(TEST)
	KERAS_BACKEND=torch OMP_NUM_THREADS=1 $(RUN) $(TEST)

lint: $(VENV)/.test
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --upgrade pip

$(VENV)/.user: requirements.txt | $(VENV)/bin/python
	$(RUN) -m pip install --quiet -r requirements.txt
	touch $@

$(VENV)/.test: requirements-test.txt $(VENV)/.user
	$(RUN) -m pip install --quiet -r requirements-test.txt
	touch $@
