# Thin: what to do is in tools/, what to compile is in meson.build. `make help` lists the targets.
MESONFLAGS ?=
RUNNERS ?=
VENV := .venv/bin/python
SANITIZE := -Db_sanitize=address,undefined -Db_lundef=false -Dc_args=-fno-sanitize-recover=all

.PHONY: help setup build build-san package wheel demo test lint fmt bench docs clean

help: ## say what can be made
	@sed -n 's/^\([a-z-]*\):.*## /  make \1 | /p' Makefile | column -t -s '|'

setup: .cache/setup.stamp ## install the Debian packages of packages.txt, make .venv

.cache/setup.stamp: packages.txt requirements-dev.txt tools/setup
	@tools/setup
	@touch $@

build: build/build.ninja ## build the library, the command line and the unit tests
	@ninja -C build

build/build.ninja: | .cache/setup.stamp
	@meson setup $(MESONFLAGS) build

build-san: build-san/build.ninja ## the same with clang's AddressSanitizer and UBSan
	@ninja -C build-san

build-san/build.ninja: | .cache/setup.stamp
	@CC=clang meson setup $(MESONFLAGS) $(SANITIZE) build-san

PACKAGE_FILES = $(shell find python include src cli examples/lessons meson.build meson_options.txt pyproject.toml \
	-type f -not -name '*.pyc' 2>/dev/null)

package: .cache/package.stamp ## install the wheel of the Python package into .venv

.cache/package.stamp: $(PACKAGE_FILES) | .cache/setup.stamp
	@wheel=$$(tools/make-wheel) && $(VENV) -m pip install --quiet --disable-pip-version-check --no-deps \
		--force-reinstall $$wheel
	@touch $@

wheel: setup ## make the wheel, and the source package, in dist/
	@tools/make-wheel --sdist -o dist

demo: setup build package ## explore a running service, then the two lessons
	@tools/demo

test: setup build build-san package ## run every test
	@tools/run-tests $(RUNNERS)

lint: setup ## check format, includes, banned functions
	@tools/lint

fmt: setup ## format all C and Python files
	@tools/lint --fix

bench: setup build ## measure; writes docs/benchmarks.md
	@$(VENV) bench/run.py

docs: setup ## make the documentation a site: build/docs/index.html
	@$(VENV) -m mkdocs build --quiet
	@echo build/docs/index.html

clean: ## remove what was built, keep .venv
	rm -rf build build-san .cache/package.stamp
