# Each target sets up what it needs; every step knows whether it is done.
.POSIX:

# As if the environment were activated: it may carry Node as well.
ACTIVATED = PATH="$$PWD/.venv/bin:$$PATH"
PYTHON = $(ACTIVATED) .venv/bin/python
DEMO = mobilenet-v2
BENCH =
MINUTES = 1
FUZZ =
MUTANTS =
SWEEP =
ZOO =
PYTEST_ARGS = -n 2 --coverage --csrc-coverage
BUNDLERS =
PICTURES =
# What runs in the other engines too: what a package promises in a page, operators, real networks.
ENGINES = tests/js tests/sweep tests/models/test_pretrained.py tests/preprocess

help:
	@echo 'make setup          virtual environment in .venv/, npm packages, Chromium, emcc, the compiled runtime'
	@echo 'make runtime        compile csrc/ into the wasm variants'
	@echo 'make demo           a real pretrained model: built, verified in Chromium, served (CI=true: no serving;'
	@echo '                    DEMO=minilm: one that takes text)'
	@echo 'make gallery        five pages that use pretrained models: packages built, verified, served (CI=true: no serving)'
	@echo 'make check-gallery  its pages in Chromium: what they say, beside PyTorch; phone, keyboard, axe-core'
	@echo 'make pictures       docs/images/ anew: the demo page and the gallery (PICTURES=photo: a part)'
	@echo 'make test           all tests, and the share of the Python package and of csrc/ that they run (PYTEST_ARGS="-k conv": some)'
	@echo 'make coverage-csrc  the tests of operators and of the core, and the share of csrc/ that they run'
	@echo 'make bundlers       packages in the newest bundlers, runtimes, servers and compilers of the npm registry'
	@echo '                    and of Debian (BUNDLERS="-k vite": a part); docs/compatibility.md'
	@echo 'make check-deploy   what `deploy` writes: nginx, Prometheus, linters and schemas from Debian and PyPI'
	@echo 'make engines        the tests of packages in pages, in Firefox and WebKitGTK too (ENGINES="tests/js": a part)'
	@echo 'make bench-engines  the speed of packages in the three engines'
	@echo 'make lint           formatting, types, static checks'
	@echo 'make audit          known holes of the packages that are used; asks PyPI and npm'
	@echo 'make reproducible   the runtime and the wheel built twice, the second time elsewhere: the same bytes'
	@echo 'make sbom           what it is made of, with licences, as CycloneDX lists in dist/'
	@echo 'make format         put Python and C++ into the form that lint asks for'
	@echo 'make wheel          dist/*.whl, which carries the compiled runtime'
	@echo 'make bench          side by side with other runtimes, in Chromium (BENCH="--models core": a part)'
	@echo 'make bench-kernels  kernels against the peak of the machine, in Chromium'
	@echo 'make sweep          every sample of PyTorch'"'"'s operator database (SWEEP="--entries conv": a part)'
	@echo 'make zoo            architectures of torchvision, timm and transformers (ZOO="--models resnet": a part)'
	@echo 'make hostile        every hostile package: every word of every plan, every value of every manifest'
	@echo 'make fuzz           each fuzzer for MINUTES (1), and a table of what they ran and found (FUZZ=graphs: some)'
	@echo 'make mutants        whether the tests bite: what refuses hostile input, one token changed (MUTANTS="--share 1")'
	@echo 'make soak           models loaded, run and disposed of in one page, a service whose workers are killed'
	@echo '                    (SOAK="--minutes 30")'
	@echo 'make clean          remove what was built, keep what was installed'

setup: bootstrap
	@python3 scripts/setup.py

setup-checks: bootstrap
	@python3 scripts/setup.py --checks

setup-engines: bootstrap
	@python3 scripts/setup.py --checks --engines

bootstrap:
	@command -v python3 >/dev/null || (apt-get update -q && apt-get install -qy python3 python3-venv)

runtime: setup
	@$(PYTHON) scripts/build_runtime.py

demo: setup
	@$(PYTHON) scripts/demo.py $(DEMO)

gallery: setup
	@$(PYTHON) scripts/gallery.py

check-gallery: setup-checks
	@$(PYTHON) -m pytest -o python_files='check_*.py' tests/gallery

pictures: setup-checks
	@$(PYTHON) scripts/pictures.py $(PICTURES)

coverage-csrc: setup-checks
	@$(PYTHON) -m pytest -n 2 --csrc-coverage tests/core tests/ops

test: setup-checks
	@$(ACTIVATED) npm test --silent
	@$(PYTHON) -m pytest $(PYTEST_ARGS)

bundlers: setup-checks
	@$(PYTHON) -m pytest -rA -o python_files='check_*.py test_*.py' tests/bundlers $(BUNDLERS)
	@$(PYTHON) scripts/compatibility_doc.py

check-deploy: setup-checks
	@$(PYTHON) -m pytest -rA -o python_files='check_*.py' tests/deploy

engines: setup-engines
	@$(PYTHON) -m pytest --engine firefox,webkit $(ENGINES)

lint: setup-checks
	@$(PYTHON) scripts/lint.py

audit: setup
	@$(PYTHON) scripts/audit.py

reproducible: setup
	@$(PYTHON) scripts/reproducible.py

sbom: setup
	@$(PYTHON) scripts/sbom.py

format: setup
	@.venv/bin/ruff check -q --fix . ; .venv/bin/ruff format -q . ; $(ACTIVATED) npm run --silent format
	@find csrc -name '*.h' -o -name '*.cc' | xargs .venv/bin/clang-format -i

wheel: setup
	@.venv/bin/pip wheel -q --no-deps --no-build-isolation -w dist .

bench: setup
	@$(PYTHON) -W ignore -m bench $(BENCH)

bench-kernels: setup
	@$(PYTHON) -m bench.kernels

bench-engines: setup-engines
	@$(PYTHON) -W ignore -m bench.engines

sweep: setup-checks
	@PYTHONPATH=tests $(PYTHON) -W ignore -m sweep.sweep $(SWEEP)

soak: setup-checks
	@CYCLES=1000 PYTHONPATH=tests $(PYTHON) -m pytest -q tests/js/test_in_node.py -k cycles
	@PYTHONPATH=tests $(PYTHON) -W ignore -m soak.soak $(SOAK)
	@PYTHONPATH=tests:. $(PYTHON) -W ignore -m soak.service $(SOAK)

zoo: setup-checks
	@PYTHONPATH=tests $(PYTHON) -W ignore -m zoo.zoo $(ZOO)
	@.venv/bin/python scripts/zoo_doc.py

hostile: setup-checks
	@$(PYTHON) scripts/build_native.py fuzz
	@PYTHONPATH=tests:tests/bad_inputs $(PYTHON) -W ignore -m corpus build/hostile
	@.venv/bin/python -W ignore tests/support/fuzz_seeds.py build/hostile/seeds
	@build/native/fuzz/plan words build/hostile/*.seed build/hostile/seeds/*

fuzz: setup-checks
	@PYTHONPATH=tests:scripts $(PYTHON) -W ignore -m fuzz --minutes $(MINUTES) $(FUZZ)

mutants: setup-checks
	@PYTHONPATH=tests:scripts $(PYTHON) -W ignore -m mutants $(MUTANTS)

clean:
	rm -rf build dist wasm_torch_web/runtime wasm_torch_web/demo

.PHONY: help setup setup-checks setup-engines bootstrap runtime demo gallery check-gallery pictures test coverage-csrc bundlers check-deploy engines lint audit reproducible sbom format wheel bench bench-kernels bench-engines sweep zoo soak hostile fuzz mutants clean
