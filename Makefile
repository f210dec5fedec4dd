# Yingda 应答. A fresh machine needs Python >= 3.11 and make; the rest comes pinned into .venv at the first call.

BIN := .venv/bin
READY := .venv/.ready
UV ?= uv
ARGS ?=
# The newest Python that we test first, then whatever else is new enough.
PYTHONS := python3.13 python3.12 python3.11 python3.14 python3

.DEFAULT_GOAL := help
.PHONY: help install run test lint fmt bench soak smoke lock

help:  ## this list / 命令一览
	@sed -n 's/^\([a-z]*\):[^#]*## /  make \1\t/p' Makefile

install: $(READY)  ## .venv with everything pinned / 安装依赖

run: $(READY)  ## the bot, its desk and a simulated WeChat / 启动 (ARGS="--workers 2")
	@$(BIN)/yingda run $(ARGS)

test: $(READY)  ## all tests / 测试 (ARGS="-k queue")
	@$(BIN)/pytest $(ARGS)

lint: $(READY)  ## style, types, arrows / 检查
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

fmt: $(READY)  ## format the code / 格式化
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix

bench: $(READY)  ## measure / 性能测试
	@for file in bench/*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

soak: $(READY)  ## the long tests / 长时间测试
	@$(BIN)/pytest -m soak --timeout=7200 $(ARGS)

smoke:  ## the quick tests on another Python: make smoke PYTHON=python3.12 / 换一个 Python 版本
	@test -n "$(PYTHON)" || { echo "say which: make smoke PYTHON=python3.12"; exit 2; }
	@"$(PYTHON)" -m venv .venv-smoke
	@.venv-smoke/bin/python -m pip install --quiet --require-hashes -r requirements.lock
	@.venv-smoke/bin/python -m pytest -q -m "not soak and not faults and not browser and not postgres and not redis" $(ARGS)

lock:  ## renew requirements.lock / 更新锁定的依赖
	@$(UV) pip compile pyproject.toml --extra dev --extra bench --universal --python-version 3.11 \
		--generate-hashes --no-header --quiet --output-file requirements.lock $(ARGS)

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
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(READY)
