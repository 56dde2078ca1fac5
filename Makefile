# The two commands of README, `make demo` and `make test`; `make check` is for
# between two edits.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
DEMO := configs/digits_resnet14_resnet8x0.125_demo.yaml
export TF_CPP_MIN_LOG_LEVEL ?= 2
# Tests that run at once; each worker takes up to 3.4 GB. A file stays with one,
# so that what its tests share is made once.
WORKERS ?= 2
# torch takes fresh memory in every operation: in huge pages it costs less.
TORCH := torch OMP_NUM_THREADS=1 \
  GLIBC_TUNABLES=glibc.malloc.hugetlb=1
TEST := -m pytest --numprocesses $(WORKERS) --dist loadfile \
  --no-loadscope-reorder
# The demo is the TensorFlow one unless another backend is asked for.
export KERAS_BACKEND ?= tensorflow

.PHONY: demo test check lint docs clean

demo: $(VENV)/.user
	$(RUN) -m atsc_keras distill $(DEMO) --run-dir runs/demo --overwrite --export

# All three suites, whatever becomes of one.
test: lint
	failed=; \
	for backend in tensorflow jax "$(TORCH)"; do \
	  env KERAS_BACKEND=$$backend $(RUN) $(TEST) || \
	    failed="$$failed $${backend%% *}"; \
	done; \
	[ -z "$$failed" ] || { echo "tests failed on:$$failed" >&2; exit 1; }

# In minutes, on torch alone: without what `tests/conftest.py` lists as slow.
check: lint
	env KERAS_BACKEND=$(TORCH) $(RUN) $(TEST) -m "not slow"

lint: $(VENV)/.test
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy

# Pages in build/docs, from docs/, the docstrings and the config models.
docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(RUN) -m mkdocs build --strict

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --upgrade pip

$(VENV)/.user: requirements.txt pyproject.toml | $(VENV)/bin/python
	$(RUN) -m pip install --quiet -r requirements.txt
	touch $@

# torch first and by its exact version: the build for the CPU.
$(VENV)/.test: requirements-test.txt pyproject.toml $(VENV)/.user
	$(RUN) -m pip install --quiet $$(grep '^torch==' requirements-test.txt)
	$(RUN) -m pip install --quiet -r requirements-test.txt
	touch $@

$(VENV)/.docs: pyproject.toml $(VENV)/.user
	$(RUN) -m pip install --quiet -e '.[docs]'
	touch $@
