# The commands that a person types. `make` alone lists them.
.DEFAULT_GOAL := help
.PHONY: help setup demo chat chat-load test check preview bench lock clean

PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Set, as in many containers, every start would compile its imports again, which takes several times as long.
export PYTHONDONTWRITEBYTECODE :=

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' Makefile

setup: ## make .venv from the lock and provide the Pulumi CLI; does nothing when both are there
	@command -v $(PYTHON) >/dev/null || { echo "setup: Python 3.11 or newer is needed (https://www.python.org/downloads/)" >&2; exit 1; }
	@$(PYTHON) toolchain/setup.py

demo: setup ## bring the whole article up in a local Google Cloud, prove it, take it down (KEEP=1 leaves it up)
	@python scripts/demo.py $(if $(KEEP),--keep)

chat: setup ## run the sample application as a pod of a local Google Cloud, while its stack changes under it
	@python scripts/chat.py

chat-load: setup ## Locust on the sample application, with all well and with Vertex AI down
	@python scripts/chat_load.py

test: setup check ## ruff, mypy and every test
	@python -m pytest $(if $(PYTEST),$(PYTEST),-n auto --dist worksteal)

check: setup ## ruff and mypy
	@ruff check .
	@ruff format --check .
	@mypy

preview: setup ## what `pulumi up` of STACK (prod or dev) would make, with the policies, in a local Google Cloud
	@python scripts/preview.py --stack $(or $(STACK),prod)

bench: setup ## how fast it is, as ratios measured side by side
	@python -m bench

lock: setup ## resolve each requirements.in into its requirements.txt again
	@for file in requirements bench/requirements policy/requirements $(addprefix examples/chat-service/,requirements loadtest/requirements checks/requirements); do \
		uv pip compile --quiet --python-version 3.11 --universal --generate-hashes --no-emit-index-url --no-header \
			--custom-compile-command "make lock" $$file.in --output-file $$file.txt || exit 1; done

clean: ## remove what the other commands made in this folder
	@rm -rf .venv .toolchain .sandbox .mypy_cache .pytest_cache .ruff_cache .hypothesis .work k8s
