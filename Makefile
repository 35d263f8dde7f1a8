# One command each: run, test, bench, lint. Each sets up what it needs in .venv and rebuilds only what changed.

PYTHON ?= python3
VENV ?= .venv
PY := $(VENV)/bin/python
PORT ?= 8443
JOBS ?= $(shell nproc 2>/dev/null || echo 2)

# With ccache a rebuild of unchanged C costs nothing.
ifneq ($(shell command -v ccache 2>/dev/null),)
ifeq ($(origin CC),default)
export CC := ccache gcc
endif
endif

SOURCES := setup.py $(shell find h2q -name '*.py' -o -name '*.pyx' -o -name '*.pxd')
STAMPS := build/stamps
PYTEST := -m pytest -p no:cacheprovider

SANITIZERS = $(shell gcc -print-file-name=libasan.so):$(shell gcc -print-file-name=libubsan.so)
CHECKED_ENV = LD_PRELOAD=$(SANITIZERS) PYTHONMALLOC=malloc ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 \
	PYTHONSAFEPATH=1 PYTHONPATH=$(CURDIR)/build/checked/lib H2Q_EXPECT=checked H2Q_HYPOTHESIS=short

# What is never compiled is the same in every build: once is enough.
NOT_COMPILED = --ignore=tests/tls

.PHONY: all run build test test-compiled test-pure checked bench bench-quick lint interop soak clean

all: build

$(STAMPS)/venv: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "h2q needs Python 3.11 or later: make PYTHON=...")'
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PY) -m pip install -q --disable-pip-version-check 'setuptools>=77' 'Cython>=3.1'
	H2Q_SKIP_CYTHON=1 $(PY) -m pip install -q --disable-pip-version-check --no-build-isolation -e '.[cli,dev]'
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/release: $(STAMPS)/venv $(SOURCES)
	$(PY) setup.py -q build_ext --inplace
	@touch $@

$(STAMPS)/checked: $(STAMPS)/venv $(SOURCES)
	@rm -rf build/checked/lib
	H2Q_CHECKED=1 H2Q_REQUIRE_CYTHON=1 $(PY) setup.py -q build --build-base build/checked --build-lib build/checked/lib
	@touch $@

$(STAMPS)/bench: $(STAMPS)/venv
	$(PY) -m pip install -q --disable-pip-version-check --no-build-isolation -e '.[bench]'
	@touch $@

build: $(STAMPS)/release

run: $(STAMPS)/release
	$(VENV)/bin/h2q serve examples/site --port $(PORT)

test: test-compiled test-pure checked

test-compiled: $(STAMPS)/release
	H2Q_EXPECT=compiled $(PY) $(PYTEST) -q -m 'not soak'

test-pure: $(STAMPS)/release
	H2Q_PURE=1 H2Q_EXPECT=pure H2Q_HYPOTHESIS=default $(PY) $(PYTEST) -q $(NOT_COMPILED) -m 'not soak and not interop and not slow'

checked: $(STAMPS)/checked
	$(CHECKED_ENV) $(PY) $(PYTEST) -q $(NOT_COMPILED) -m 'not soak and not interop and not slow'

interop: $(STAMPS)/release
	H2Q_EXPECT=compiled $(PY) $(PYTEST) -m interop

soak: $(STAMPS)/release
	H2Q_EXPECT=compiled H2Q_HYPOTHESIS=soak $(PY) $(PYTEST) -m soak

bench: $(STAMPS)/release $(STAMPS)/bench
	$(PY) -m benchmarks

# Small rounds of each benchmark with the peers that the test environment has: shows that they work, not how fast.
bench-quick: $(STAMPS)/release
	$(PY) -m benchmarks --quick
	$(PY) $(PYTEST) -q benchmarks --benchmark-disable

lint: $(STAMPS)/venv
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" cython-lint h2q

clean:
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
	find h2q \( -name '*.so' -o -name '*.c' -o -name '*.html' \) -delete
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
