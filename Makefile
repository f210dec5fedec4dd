# Yingda 应答. A fresh machine needs Python >= 3.11 and make; the rest comes pinned into .venv at the first call.

BIN := .venv/bin
READY := .venv/.ready
TOOLS := .venv/.tools
UV ?= uv
ARGS ?=
JOBS ?= 2
LOCKED := --universal --python-version 3.11 --generate-hashes --no-header --quiet
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# The newest Python that we test first, then any other that is new enough.
PYTHONS := python3.13 python3.12 python3.11 python3.14 python3
# Rasa 3.6 runs on Python 3.10 at most, so it has its own environment and lock file.
RASA := .venv-rasa
RASA_PYTHONS := python3.10 $(wildcard $(HOME)/.pyenv/versions/3.10.*/bin/python)
FOLDER ?=

.DEFAULT_GOAL := help
.PHONY: help install run test test-fast lint fmt bench soak smoke lock sbom licences rasa bench-rasa

help:  ## this list / 命令一览
	@sed -n 's/^\([a-z-]*\):[^#]*## /  make \1\t/p' Makefile

install: $(TOOLS)  ## .venv with everything pinned / 安装依赖

run: $(READY)  ## the bot, its desk, simulated WeChat and X / 启动 (ARGS="--workers 2")
	@$(BIN)/yingda run $(ARGS)

test: $(TOOLS)  ## all tests / 测试 (ARGS="-k queue", JOBS=1)
	@$(BIN)/pytest --numprocesses=$(JOBS) --dist=loadfile --no-loadscope-reorder $(ARGS)

test-fast: $(TOOLS)  ## under a minute: no service, no process, no browser / 快速测试
	@$(BIN)/pytest --numprocesses=$(JOBS) --dist=loadfile -q tests/unit \
		-m "not soak and not long and not process and not faults and not browser and not postgres and not redis" $(ARGS)

lint: $(TOOLS)  ## style, types, arrows / 检查
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python bench/shape.py --sizes

fmt: $(TOOLS)  ## format the code / 格式化
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix

bench: $(TOOLS)  ## measure / 性能测试
	@for file in bench/*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

rasa: $(READY) $(RASA)/.ready  ## Rasa, trained on the knowledge base and served on loopback / 训练并启动 Rasa
	@$(BIN)/yingda rasa train --program $(RASA)/bin/rasa $(ARGS)
	@$(BIN)/yingda rasa serve --program $(RASA)/bin/rasa $(ARGS)

bench-rasa: $(TOOLS) $(RASA)/.ready  ## compare Rasa with our engine: make bench-rasa FOLDER=... / 与 Rasa 对比
	@test -n "$(FOLDER)" || { \
		echo "say where the data is: make bench-rasa FOLDER=...  (it is not part of Yingda; see bench/rasa.py)"; exit 2; }
	@$(BIN)/python bench/rasa.py --program $(RASA)/bin/rasa $(FOLDER) $(ARGS)

soak: $(TOOLS)  ## the long tests / 长时间测试
	@$(BIN)/pytest -m soak --timeout=7200 $(ARGS)
	@$(BIN)/pytest -m "hypothesis and not soak" --hypothesis-profile=search --timeout=7200 $(ARGS)

smoke:  ## the quick tests on another Python: make smoke PYTHON=python3.12 / 换一个 Python 版本
	@test -n "$(PYTHON)" || { echo "say which: make smoke PYTHON=python3.12"; exit 2; }
	@"$(PYTHON)" -m venv .venv-smoke
	@.venv-smoke/bin/python -m pip install --quiet --require-hashes -r requirements-dev.lock
	@.venv-smoke/bin/python -m pytest -q -m "not soak and not faults and not browser and not postgres and not redis" $(ARGS)

lock:  ## renew the lock files of running, testing and Rasa / 更新锁定的依赖
	@$(UV) pip compile pyproject.toml --all-extras $(LOCKED) --output-file requirements-dev.lock $(ARGS)
	@$(UV) pip compile pyproject.toml --extra checkout $(LOCKED) --no-annotate --constraint requirements-dev.lock \
		--output-file requirements.lock
	@echo 'rasa[jieba]==3.6.21' | $(UV) pip compile - --universal --python-version 3.10 --generate-hashes --no-header \
		--quiet --no-annotate --output-file requirements-rasa.lock $(ARGS)

sbom: $(TOOLS)  ## what running installs, as CycloneDX: build/yingda.cdx.json / 软件物料清单
	@mkdir -p build
	@PYTHONWARNINGS=ignore $(BIN)/cyclonedx-py requirements requirements.lock --pyproject pyproject.toml \
		--output-reproducible --of JSON -o build/yingda.cdx.json

licences: $(TOOLS)  ## write docs/licences.md / 更新许可证列表
	@$(BIN)/python docs/licences.py

$(READY): requirements.lock pyproject.toml
	@test -x $(BIN)/python || { \
		for name in $(PYTHONS); do \
			if $$name -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
				echo "making .venv with $$($$name --version)"; exec $$name -m venv .venv; \
			fi; \
		done; \
		echo "Yingda needs Python 3.11 or newer with the module venv, and finds none on PATH."; \
		echo "需要 Python 3.11 或更新的版本（含 venv 模块），在 PATH 上没有找到。"; \
		echo "Debian, Ubuntu: apt-get install python3 python3-venv   macOS: brew install python"; \
		exit 1; \
	}
	@echo "installing what requirements.lock names (once) / 正在安装依赖（仅一次）"
	@$(PIP) --require-hashes -r requirements.lock
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $(READY)

$(TOOLS): $(READY) requirements-dev.lock
	@echo "installing what tests and benches need (once) / 正在安装测试所需（仅一次）"
	@$(PIP) --require-hashes -r requirements-dev.lock
	@touch $(TOOLS)

$(RASA)/.ready: requirements-rasa.lock
	@for name in $(RASA_PYTHONS); do \
		if $$name -c 'import ensurepip, sys, venv; sys.exit(sys.version_info[:2] != (3, 10))' 2>/dev/null; then \
			found=$$name; break; \
		fi; \
	done; \
	test -n "$$found" || { \
		echo "Rasa 3.6 needs Python 3.10, and none is on PATH or in ~/.pyenv. Yingda itself does not: engine semantic."; \
		echo "Rasa 3.6 需要 Python 3.10，在 PATH 与 ~/.pyenv 中都没有找到；不使用 Rasa 时无需安装。"; \
		echo "One way to get it: pyenv install 3.10    or 或: uv python install 3.10"; \
		exit 1; \
	}; \
	echo "making $(RASA) with Rasa 3.6.21: 2.7 GB, some minutes (once) / 正在安装 Rasa（仅一次）"; \
	$$found -m venv $(RASA)
	@$(RASA)/bin/python -m pip install --disable-pip-version-check --require-hashes -r requirements-rasa.lock
	@touch $(RASA)/.ready
