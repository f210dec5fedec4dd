"""docs/production.md and its samples tell the truth: the commands run in turn and print what they show, the product
starts from what `yingda new` makes, the samples are read by those whose files they are."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import pytest
import yaml
from support.docs_pages import on_free_ports
from support.followers_and_agents import Follower
from support.paths import ROOT
from support.running_product import ready_in, serving_in
from typer.testing import CliRunner

from bot.__main__ import app
from bot.app.site import DEMO_LOGIN
from bot.cli import new
from bot.config import load

pytestmark = pytest.mark.long

DOC = (ROOT / "docs" / "production.md").read_text(encoding="utf-8")
SAMPLES = ROOT / "docs" / "samples"
BLOCKS = re.findall(r"```console\n((?:.|\n)*?)```", DOC)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("production")


def environment(folder: Path) -> dict[str, str]:
    """A shell in which the new deployment's .env was read."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("YINGDA_", "WECHAT_"))}
    told = {"PYTHONPATH": str(ROOT), "COLUMNS": "200", "PYTHONIOENCODING": "utf-8", "LANG": "C.UTF-8"}
    env = folder / "tea" / ".env"
    lines = env.read_text(encoding="utf-8").splitlines() if env.exists() else []
    return kept | told | dict(line.split("=", 1) for line in lines if not line.startswith("#"))


def ran(folder: Path, command: str) -> list[str]:
    """The first command makes the folder in which the others run."""
    words = shlex.split(command)
    assert words[0] == ".venv/bin/yingda"
    there = folder if words[1] == "new" else folder / "tea"
    done = subprocess.run(
        [sys.executable, "-m", "bot", *words[1:]],
        capture_output=True, text=True, env=environment(folder), timeout=240, check=False, cwd=there,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    assert done.returncode == 0, done.stdout + done.stderr
    if words[1] == "new":
        config = folder / "tea" / "config.yaml"
        config.write_text(on_free_ports(config.read_text(encoding="utf-8")), encoding="utf-8")
    return done.stdout.splitlines()


@pytest.fixture(scope="module", autouse=True)
def make_run_in_another_terminal() -> Iterator[None]:
    """It has the ports of the shipped configuration; `make test` goes on beside it."""
    with ExitStack() as held:
        for port in (8080, 8081):
            with suppress(OSError):  # then it really runs
                held.enter_context(socket.create_server(("127.0.0.1", port)))
        yield


def test_the_commands_run_in_turn_and_print_what_is_shown(folder: Path) -> None:
    assert len(BLOCKS) >= 5
    for block in BLOCKS:
        printed: list[str] = []
        for line in block.splitlines():
            if line.startswith("$ "):
                printed = ran(folder, line.removeprefix("$ "))
            else:
                assert line in printed


def test_a_new_knowledge_base_has_no_findings(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YINGDA_CONFIG", "")
    done = CliRunner().invoke(app, ["check", "--config", str(fresh / "config.yaml"), "--json"])
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("name", re.findall(r"\]\((?!http)([^)#]+)\)", DOC))
def test_every_file_the_page_links_to_exists(name: str) -> None:
    assert (ROOT / "docs" / name).exists()


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """A fresh deployment, just made."""
    made = CliRunner().invoke(app, ["new", str(tmp_path / "tea"), "--brand", "小店"])
    assert made.exit_code == 0, made.output
    return tmp_path / "tea"


def test_a_new_deployment_starts_answers_hands_over_and_leaves_demo_mode(fresh: Path) -> None:
    """For real: it trains its small base, and knows greetings and people though it knows nothing of the brand. Live
    mode starts on its database only once what demo mode left is taken out."""
    config = fresh / "config.yaml"
    config.write_text(on_free_ports(config.read_text(encoding="utf-8")), encoding="utf-8")
    with ready_in(fresh, config) as product:
        someone = Follower(product, "小林")
        assert "小店" in "".join(line["text"] for line in someone.lines())
        assert someone.hears("人工")
        someone.leave()
        assert "edition 1 is live" in product.told()
        assert logs_in(product.site) == 303
        product.stop()

    settings = yaml.safe_load(config.read_text(encoding="utf-8"))
    webchat = [account for account in settings["accounts"] if account["channel"] == "webchat"]
    settings |= {"mode": "live", "secret": "k" * 32, "accounts": webchat, "members": {"kind": "none"}}
    config.write_text(yaml.safe_dump(settings, allow_unicode=True), encoding="utf-8")
    refused = CliRunner().invoke(app, ["run", "--config", str(config)])
    assert refused.exit_code == 78
    assert "2 logins with the demo's password, 1 customers and 1 cases" in refused.stderr
    done = CliRunner().invoke(app, ["leave-demo", "--customers", "--yes", "--config", str(config)])
    assert done.exit_code == 0, done.output
    with serving_in(fresh, config) as site:
        assert logs_in(site) == 401
        assert httpx.get(f"{site}/demo", trust_env=False).status_code == 404


def logs_in(site: str) -> int:
    """What the demo's published login is answered."""
    login, password = DEMO_LOGIN
    with httpx.Client(trust_env=False, headers={"origin": site}) as browser:
        return browser.post(f"{site}/login", data={"login": login, "password": password}).status_code


def test_a_new_deployment_holds_the_shipped_files_with_the_brands_name(fresh: Path) -> None:
    config = (fresh / "config.yaml").read_text(encoding="utf-8")
    shipped = (ROOT / "config.yaml").read_text(encoding="utf-8")
    assert len(config.splitlines()) == len(shipped.splitlines())
    told = "".join(path.read_text(encoding="utf-8") for path in fresh.rglob("*.yaml"))
    assert "云杉" not in told
    assert "Yunshan" not in told
    assert load(fresh / "config.yaml").config.mode == "demo"


def test_an_installed_yingda_includes_the_files_of_a_new_deployment() -> None:
    brought = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["data-files"]
    there = {f"{place}/{file.name}" for place, globs in brought.items() for one in globs for file in ROOT.glob(one)}
    base = {f"share/yingda/knowledge_base/{file.name}" for file in (new.SHIPPED / "knowledge_base").glob("*.yaml")}
    assert there == {"share/yingda/config.yaml", *base}
    assert Path(sys.prefix, "share", "yingda") == new.INSTALLED


@pytest.mark.parametrize("brand", ["Tea & Co", "三只松鼠", "Müller & Söhne", "L'Or"])
def test_the_brands_name_is_written_as_given(tmp_path: Path, brand: str) -> None:
    assert CliRunner().invoke(app, ["new", str(tmp_path / "new"), "--brand", brand]).exit_code == 0
    ready = load(tmp_path / "new" / "config.yaml")
    assert any(brand in account.label for account in ready.config.accounts)
    assert CliRunner().invoke(app, ["check", "--config", str(tmp_path / "new" / "config.yaml")]).exit_code == 0


@pytest.mark.parametrize("brand", ["Tea: Green", "L'Or #1", "a{b}: c", "", " ", "@tea", '"x"', "a\nb", "%s: x", "- y"])
def test_a_brand_name_that_yaml_would_read_otherwise_is_refused(tmp_path: Path, brand: str) -> None:
    done = CliRunner().invoke(app, ["new", str(tmp_path / "new"), "--brand", brand])
    assert done.exit_code == 78, done.output
    assert "--brand: brand: has characters that YAML reads as something else" in done.stderr
    assert not (tmp_path / "new").exists()


def test_each_new_deployment_has_its_own_private_secret(fresh: Path, tmp_path: Path) -> None:
    other = tmp_path / "coffee"
    assert CliRunner().invoke(app, ["new", str(other)]).exit_code == 0
    secrets = [(one / ".env").read_text(encoding="utf-8") for one in (fresh, other)]
    assert secrets[0] != secrets[1]
    assert re.search(r"^YINGDA_SECRET=[0-9a-f]{64}$", secrets[0], re.MULTILINE)
    assert (fresh / ".env").stat().st_mode & 0o777 == 0o600
    assert ".env" in (fresh / ".gitignore").read_text(encoding="utf-8")
    named = set(re.findall(r"^#?([A-Z_]+)=", secrets[0], re.MULTILINE))
    config = (fresh / "config.yaml").read_text(encoding="utf-8").splitlines()
    live = [line for line in config if not line.lstrip().startswith("#")]  # an account on X waits to be uncommented
    assert named == set(re.findall(r"\$\{([A-Z_]+)", "\n".join(live)))


def test_a_folder_that_is_not_empty_is_refused_and_unchanged(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    done = CliRunner().invoke(app, ["new", str(tmp_path)])
    assert done.exit_code == 78
    assert "not empty" in done.output
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    done = CliRunner().invoke(app, ["new", str(tmp_path / "mine.txt")])
    assert done.exit_code == 78


def test_systemd_accepts_its_sample(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not there")
    unit = (SAMPLES / "yingda.service").read_text(encoding="utf-8")
    (tmp_path / "yingda.service").write_text(
        unit.replace("/opt/yingda/.venv/bin/yingda", sys.executable).replace("User=yingda", "User=root"),
        encoding="utf-8",
    )
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / "yingda.service")],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert [line for line in done.stderr.splitlines() if "yingda.service" in line] == []


def test_nginx_accepts_its_sample(tmp_path: Path) -> None:
    """Its own checker where nginx is installed; else at least every block and directive is closed."""
    sample = (SAMPLES / "nginx.conf").read_text(encoding="utf-8")
    if shutil.which("nginx") is None:
        bare = re.sub(r"#.*|\"[^\"]*\"", "", sample)
        assert bare.count("{") == bare.count("}") > 0
        assert [line for line in bare.splitlines() if line.strip() and line.strip()[-1] not in "{};"] == []
        return
    key, chain = tmp_path / "privkey.pem", tmp_path / "fullchain.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x", "-keyout", key, "-out", chain],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    sample = sample.replace("/etc/letsencrypt/live/bot.brand.example", str(tmp_path))
    whole = f"pid {tmp_path}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{ access_log off;\n{sample}\n}}\n"
    (tmp_path / "nginx.conf").write_text(whole, encoding="utf-8")
    done = subprocess.run(
        ["nginx", "-t", "-c", str(tmp_path / "nginx.conf")], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


def test_caddy_accepts_its_sample() -> None:
    sample = SAMPLES / "Caddyfile"
    if shutil.which("caddy") is None:
        text = sample.read_text(encoding="utf-8")
        assert text.count("{") == text.count("}") > 0
        return
    done = subprocess.run(
        ["caddy", "validate", "--adapter", "caddyfile", "--config", str(sample)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_the_samples_forward_to_yingdas_port_and_keep_metrics_private() -> None:
    listen = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["listen"]
    for name in ("nginx.conf", "Caddyfile"):
        sample = (SAMPLES / name).read_text(encoding="utf-8")
        assert f"{listen['host']}:{listen['port']}" in sample
        assert "/metrics" in sample
