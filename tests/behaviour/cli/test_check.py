"""`yingda check` as an editor runs it, on a kiosk's knowledge base."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.knowledge_base_files import Editor
from support.served import in_thread
from support.shop import deployment_in
from support.small_knowledge_base import kiosk
from typer.testing import CliRunner, Result

from bot.__main__ import app
from bot.simulators.embeddings import EmbeddingsService, simulator


class Desk:
    """An editor's terminal."""

    def __init__(self, folder: Path) -> None:
        self.editor: Editor
        self.editor, self.config = kiosk(folder)

    def runs(self, verb: str, *options: str) -> Result:
        return CliRunner().invoke(app, [verb, "--config", str(self.config), *options])

    def finds(self, *options: str) -> dict[str, Any]:
        ran = self.runs("check", "--json", *options)
        found: dict[str, Any] = json.loads(ran.stdout)
        assert ran.exit_code == (1 if found["errors"] else 0)
        return found


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_before_the_first_edition_the_questions_are_asked_of_a_fresh_training(desk: Desk) -> None:
    found = desk.finds()
    asked = found["regression"]
    assert asked.pop("asked_of") == "a fresh training"
    assert (asked["wrong"], sum(asked.values())) == (0, 3)
    assert (found["errors"], found["links"]) == (0, None)
    assert not (desk.config.parent / "var").exists()


def test_check_asks_the_live_edition_while_the_files_have_its_content(desk: Desk) -> None:
    assert desk.runs("train").exit_code == 0
    live = desk.finds()
    assert live["regression"]["asked_of"] == "edition 1"
    assert live["findings"] == desk.finds("--quick")["findings"]
    desk.editor.changes("九点开门。", "八点开门。", "kiosk.yaml")
    assert desk.finds()["regression"]["asked_of"] == "a fresh training"
    assert desk.finds("--quick")["regression"] is None


def test_the_configured_encoder_is_asked_and_the_bundled_one_where_it_fails(tmp_path: Path) -> None:
    editor, config = kiosk(tmp_path)
    with in_thread(simulator(EmbeddingsService(key="sk-of-somebody-else"))) as address:
        refusing = {"kind": "openai", "url": f"{address}/v1"}
        sources = {"a fresh training": {"kind": "both"}, "a fresh training by the bundled encoder": refusing}
        for source, encoder in sources.items():
            intents = {"target_precision": 0.6, "encoder": encoder}
            deployment_in(tmp_path, knowledge_base=str(editor.folder), intents=intents)
            ran = CliRunner().invoke(app, ["check", "--config", str(config), "--json"])
            assert json.loads(ran.stdout)["regression"]["asked_of"] == source


def test_out_of_scope_texts_are_part_of_the_live_content(desk: Desk) -> None:
    desk.editor.writes("en: [can I work at your kiosk]", "out_of_scope.yaml")
    assert desk.runs("train").exit_code == 0
    assert desk.finds()["regression"]["asked_of"] == "edition 1"
    desk.editor.writes("en: [can I buy your kiosk]", "out_of_scope.yaml")
    assert desk.finds()["regression"]["asked_of"] == "a fresh training"


def test_a_live_edition_gives_the_same_findings_as_a_fresh_training(desk: Desk) -> None:
    fresh = desk.finds()
    assert desk.runs("train").exit_code == 0
    live = desk.finds()
    assert live.pop("regression").pop("asked_of") != fresh.pop("regression").pop("asked_of")
    assert live == fresh


def test_confused_entries_are_a_warning_at_the_example(desk: Desk) -> None:
    (found,) = [one for one in desk.finds()["findings"] if "were confused" in one["message"]]
    assert found["severity"] == "warning"
    assert found["message"].startswith("closing and opening were confused")
    line = desk.editor.line_of(found["message"].split("“")[1].split("”")[0], "kiosk.yaml")
    assert found["line"] == line
    assert all("were confused" not in one["message"] for one in desk.finds("--quick")["findings"])


def test_a_wrongly_answered_regression_question_is_an_error(desk: Desk) -> None:
    desk.editor.writes('- {ask: "几点开门呢", expect: refund}\n', "tests.yaml")
    found = desk.finds()
    assert (found["errors"], found["regression"]["wrong"]) == (1, 1)
    (wrong,) = [one for one in found["findings"] if one["severity"] == "error"]
    assert wrong["line"] == 1
    assert "is understood as opening" in wrong["message"]


def test_an_unneeded_handoff_is_a_note_that_is_shown_on_request(desk: Desk) -> None:
    desk.editor.writes('- {ask: "write a poem about the moon", expect: refund}\n', "tests.yaml")
    ran = desk.runs("check")
    assert ran.exit_code == 0
    assert "1 notes: --all shows them" in ran.stdout
    assert "poem" not in ran.stdout
    assert "tests.yaml:1: 0.ask: “write a poem about the moon” goes to a person" in desk.runs("check", "--all").stdout


def test_a_base_that_does_not_load_is_reported_and_not_trained(desk: Desk) -> None:
    desk.editor.changes("zh: 九点开门。", "zh: '{time}开门。'", "kiosk.yaml")
    ran = desk.runs("check")
    assert ran.exit_code == 1
    line = desk.editor.line_of("{time}", "kiosk.yaml")
    assert f"✗ {desk.editor.folder / 'kiosk.yaml'}:{line}: entries.0.answers.zh.default: {{time}}" in ran.stdout
    assert "1 error, 0 warnings" in ran.stdout
    assert desk.finds()["regression"] is None


def test_a_missing_language_is_an_error_and_its_entry_causes_no_other(desk: Desk) -> None:
    desk.editor.changes("answers: {zh: 九点开门。, en: We open at nine.}", "answers: {zh: 九点开门。}", "kiosk.yaml")
    (found,) = desk.finds()["findings"]
    line = desk.editor.line_of("九点开门。", "kiosk.yaml")
    assert (found["severity"], found["line"], found["key"]) == ("error", line, "entries.0.answers.en")


def test_a_mistake_in_the_regression_file_is_an_error(desk: Desk) -> None:
    desk.editor.changes("expect: opening", "expect: openning", "tests.yaml")
    shown = desk.runs("check").stdout
    assert "tests.yaml:1: 0.expect: there is no entry openning\n    → write opening?" in shown
    assert "1 error, 1 warning\n" in shown


def test_only_channels_that_the_deployment_has_limit_an_answer(desk: Desk) -> None:
    desk.editor.changes("九点开门。", "茶" * 700, "kiosk.yaml")
    assert "WeChat takes" not in desk.runs("check", "--quick").stdout
    settings = desk.config.read_text(encoding="utf-8")
    desk.config.write_text(settings.replace("channel: fake", "channel: wechat", 1), encoding="utf-8")
    ran = desk.runs("check", "--quick")
    assert "2,100 bytes; WeChat takes 2,047 in one message" in ran.stdout
    assert ran.exit_code == 0


def test_a_mistake_in_the_configuration_is_an_error_like_others(desk: Desk) -> None:
    desk.config.write_text(desk.config.read_text(encoding="utf-8") + "colour: green\n", encoding="utf-8")
    (found,) = desk.finds()["findings"]
    assert (found["severity"], found["key"]) == ("error", "colour")


def test_a_channel_that_does_not_exist_is_an_error_before_anything_runs(desk: Desk) -> None:
    settings = desk.config.read_text(encoding="utf-8")
    desk.config.write_text(settings.replace("channel: fake", "channel: weibo", 1), encoding="utf-8")
    (found,) = desk.finds("--quick")["findings"]
    assert (found["severity"], found["key"]) == ("error", "accounts.0.channel")
    examined = desk.runs("doctor", "--language", "en")
    assert examined.exit_code == 1
    assert "there is no channel weibo" in examined.stdout


def test_a_line_number_is_never_mistaken_for_an_emoji(desk: Desk) -> None:
    lines = "\n" * 98 + "- {ask: '几点开门呢', expect: refund}\n"
    desk.editor.writes("# many lines\n" + lines, "tests.yaml")
    assert "tests.yaml:100: 0.ask" in desk.runs("check").stdout


def test_an_editor_who_works_in_chinese_reads_it_in_chinese(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.editor.writes("- {ask: '几点开门呢', expect: openning}\n", "tests.yaml")
    desk.editor.changes("九点开门。", "茶" * 700, "kiosk.yaml")
    settings = desk.config.read_text(encoding="utf-8")
    desk.config.write_text(settings.replace("channel: fake", "channel: wechat", 1), encoding="utf-8")
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    shown = desk.runs("check", "--quick").stdout
    assert "tests.yaml:1: 0.expect: 没有名为 openning 的词条\n    → 是否应为 opening？" in shown
    assert "2,100 字节；WeChat 一条消息最多 2,047 字节\n    → 缩短，或为 wechat 另写一条短的" in shown
    assert "1 处错误，" in shown


def test_a_wrong_option_ends_with_exit_code_2(desk: Desk) -> None:
    assert desk.runs("check", "--everything").exit_code == 2


def test_check_trains_if_the_database_does_not_answer(desk: Desk) -> None:
    settings = desk.config.read_text(encoding="utf-8")
    desk.config.write_text(settings + "database: postgresql://nobody@127.0.0.1:1/none\n", encoding="utf-8")
    assert desk.finds()["regression"]["asked_of"] == "a fresh training"


def test_texts_cut_at_a_hash_are_warned_of_in_every_file_that_is_written_by_hand(desk: Desk) -> None:
    answers = "{zh: 九点开门。, en: We open at nine.}"
    desk.editor.changes(answers, "\n      zh: 九点开门 #一号门\n      en: We open at nine.", "kiosk.yaml")
    desk.editor.writes("- ask: money back for no #4\n  expect: refund\n", "tests.yaml")
    settings = desk.config.read_text(encoding="utf-8").replace("for-tests", "for-tests #1")
    desk.config.write_text(settings, encoding="utf-8")
    found = desk.finds("--quick")["findings"]
    cut = [(Path(one["file"]).name, one["severity"]) for one in found if one["hint"] == "put quotes around it"]
    assert sorted(cut) == [(name, "warning") for name in ("config.yaml", "kiosk.yaml", "tests.yaml")]
    ran = desk.runs("check", "--quick").stdout
    assert "ends at #" in ran
