# make demo: train and evaluate a translator on the bundled sample.   make test: the tests.   make check: format, lint, types, imports.
PYTHON ?= python3
VENV := .venv
NMT := $(VENV)/bin/nmt
DEMO := runs/demo
# A small model for a small, regular corpus: it learns where to attend within a minute.
SMALL := --attention luong --decoder-layers 1 --embedding-size 128 --hidden-size 128 --dropout 0 --embedding-dropout 0 \
	--batch-tokens 512 --learning-rate 1e-2 --threads 1
# As many updates as the demo needs on any machine; the minutes are for the slowest.
DEMO_LIMITS := --max-steps 4000 --max-minutes 4
SHOWN := 'The teacher reads a book at the library.' 'Did you read the newspaper at the cafe yesterday?' \
	'The student did not eat dinner because he was sick.'

.PHONY: help setup demo docs test test-slow test-portable faults breaks check clean

help:
	@echo "make demo           install, then preprocess, train, translate and eval on the bundled English-Korean sample"
	@echo "make test           install if necessary, then run the tests"
	@echo "make test-slow      run the longer tests: every attention system, training runs that must reach a score"
	@echo "make test-portable  run the tests of the kernels again without AVX-512 and AVX, as on an older CPU"
	@echo "make faults         run the tests of faults at length: kills and full disks at every change, damaged and hostile files"
	@echo "make breaks         break a copy of the code in many ways, each of which a test must catch (docs/promises.md)"
	@echo "make check          check format, lint, types, import contracts"
	@echo "make docs           make the pictures of the documentation again, from real runs (needs tmux)"
	@echo "make setup          install into $(VENV)"
	@echo "make clean          remove everything that these create"

setup: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "nmt needs Python 3.11 or newer; choose one with make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	@echo "Installing nmt and what it needs into $(VENV): 1.5 GB with the CPU build of PyTorch, several GB with the CUDA build."
	@echo "It takes one to five minutes and more over a slow network; pip shows what it downloads."
	$(VENV)/bin/pip install --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

demo: setup
	rm -rf $(DEMO)
	mkdir -p $(DEMO)
	@set -e; run() { echo; echo "\$$ $$*"; "$$@"; }; \
	run $(NMT) preprocess --out $(DEMO)/prepared; \
	run $(NMT) train $(DEMO)/prepared --out $(DEMO)/model $(DEMO_LIMITS) $(SMALL); \
	printf '%s\n' $(SHOWN) > $(DEMO)/sentences.en; \
	run cat $(DEMO)/sentences.en; \
	run $(NMT) translate --model $(DEMO)/model $(DEMO)/sentences.en --attention $(DEMO)/attention.html; \
	run $(NMT) explain --model $(DEMO)/model --summary 'The teacher reads a book at the library.'; \
	run $(NMT) eval --model $(DEMO)/model --html $(DEMO)/report.html
	@echo
	@echo "Pages to open in a browser:"
	@echo "  $(DEMO)/report.html     the model: training curves, scores, worst and least confident sentences"
	@echo "  $(DEMO)/attention.html  the attention of the three sentences"

$(DEMO)/model:
	$(MAKE) demo

docs: setup | $(DEMO)/model
	$(VENV)/bin/python docs/pictures.py $(DEMO)/model $(DEMO)/prepared -- $(DEMO_LIMITS) $(SMALL)

test: setup
	$(VENV)/bin/python -m pytest --numprocesses auto --dist worksteal -m "not slow and not faults"

test-slow: setup
	$(VENV)/bin/python -m pytest --numprocesses auto --dist worksteal -m slow

PORTABLE := tests/unit/test_onednn.py tests/unit/test_prepack.py tests/unit/test_matmul.py tests/unit/test_device.py \
	tests/unit/test_output_loss.py tests/unit/test_model.py tests/unit/test_family.py tests/unit/test_deferred_grad.py

test-portable: setup
	ONEDNN_MAX_CPU_ISA=SSE41 ATEN_CPU_CAPABILITY=default \
		$(VENV)/bin/python -m pytest --numprocesses auto --dist worksteal -m "not slow" $(PORTABLE)

faults: setup
	$(VENV)/bin/python -m pytest --numprocesses auto --dist worksteal -m faults

breaks: setup
	$(VENV)/bin/python tests/breaks.py

check: setup
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

clean:
	rm -rf $(VENV) $(DEMO) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
