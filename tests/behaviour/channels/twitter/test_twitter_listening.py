"""What people say about the brand on X without saying it to the brand: seen by agents, never answered."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from sqlalchemy import select
from support.builders import hint_of
from support.paths import ROOT
from support.twitter_payloads import BRAND, settings
from support.twitter_shop import APP, XShop, x_shop

from bot.channels.twitter import TwitterChannel
from bot.channels.twitter.events import OwnAccount
from bot.channels.twitter.polling import listening, query_of
from bot.channels.twitter.settings import Listening
from bot.domain.cases import AgentReply, CaseLine, CaseState
from bot.domain.decisions import Decision, Turn
from bot.domain.messages import DAY, Author, Kind, PollResult, Reason
from bot.errors import NotAllowed
from bot.intents.skills.social_listening import SocialListeningSkill
from bot.simulators.twitter import Faults
from bot.simulators.twitter.queries import parse_query
from bot.simulators.twitter.state import Person
from bot.stores.sql.inbox import SqlCursors
from bot.stores.sql.schema import cursors, identities, messages, outbox

HEARS: dict[str, Any] = {"listening": {"keywords": ["云杉茶", "Yunshan Tea"], "leave_out": ["云杉茶具"]}}
ANGRY, CALM = "云杉茶这次真让我失望，客服没人理，再也不买了", "今天路过云杉茶新开的店"
NAMES = [
    *("data", "includes", "users", "id", "author_id", "text", "public_metrics", "followers_count", "name", "username"),
    *("entities", "mentions", "referenced_tweets", "edit_history_tweet_ids"),
]


def objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(inner) | st.dictionaries(st.sampled_from(NAMES), inner)


@pytest.fixture
def shop(tmp_path: Path, database_url: str, shipped_edition: tuple[str, bytes]) -> Iterator[XShop]:
    with x_shop(tmp_path, database_url, shipped_edition, **HEARS) as opened:
        yield opened


def says(shop: XShop, someone: Person, text: str, **more: Any) -> None:
    """Somebody posts, and the poller has its turn."""
    shop.platform.create_post(someone.id, text, **more)
    shop.clock.move(1)
    shop.looks()


def heard(shop: XShop) -> list[str]:
    rows = select(messages.c.text).where(messages.c.kind == Kind.OVERHEARD.value).order_by(messages.c.id)
    return list(shop.run(shop.database.read(lambda one: one.execute(rows).scalars().all())))


def cases(shop: XShop) -> list[CaseLine]:
    return [line for line in shop.waiting() if line.reason is Reason.OVERHEARD]


def nothing_was_sent(shop: XShop) -> bool:
    rows = shop.run(shop.database.read(lambda one: one.execute(outbox.select()).all()))
    return rows == [] and shop.platform.brand_posts() == []


def test_a_post_with_the_brands_name_opens_an_overheard_case_and_gets_no_answer(shop: XShop) -> None:
    says(shop, shop.platform.person("linxiao", "林晓", followers=4_200), ANGRY)
    (line,) = cases(shop)
    assert (line.state, line.account, line.waiting_since) == (CaseState.WAITING, "brand", 0.0)
    assert line.said == ANGRY
    shop.sweep()
    assert nothing_was_sent(shop)


def test_an_agent_sees_an_overheard_post_with_author_followers_and_link(shop: XShop) -> None:
    lin = shop.platform.person("linxiao", "林晓", followers=4_200)
    post = shop.platform.create_post(lin.id, ANGRY)
    shop.looks()
    view = shop.case(cases(shop)[0].id)
    (said,) = view.said
    assert (said.kind, said.text, said.author) == (Kind.OVERHEARD, ANGRY, Author.CUSTOMER)
    assert said.data["name"] == "林晓"
    assert said.data["followers"] == "4200"
    assert said.data["link"] == f"https://x.com/linxiao/status/{post.id}"
    assert view.detail == "unhappy"


@pytest.mark.parametrize("text", [f"@{APP.username} 云杉茶怎么退货", f"云杉茶怎么退货 @{APP.username}"])
def test_a_post_that_mentions_the_account_is_a_customers_and_not_overheard(shop: XShop, text: str) -> None:
    says(shop, shop.platform.person("linxiao"), text)
    assert heard(shop) == []
    assert len(shop.platform.brand_posts()) == 1


def test_own_posts_retweets_quotes_of_us_and_excluded_words_are_left_out(shop: XShop) -> None:
    lin = shop.platform.person("linxiao")
    ours = shop.platform.create_post(APP.user_id, "云杉茶的春茶到了")
    theirs = shop.platform.create_post(lin.id, "云杉茶具厂招工")
    shop.platform.create_post(lin.id, "", reposts=ours.id)
    says(shop, lin, "云杉茶说春天到了", quotes=ours.id)
    assert heard(shop) == []
    assert theirs.text
    assert cases(shop) == []


def test_a_quote_of_another_account_is_overheard(shop: XShop) -> None:
    lin, mei = shop.platform.person("linxiao"), shop.platform.person("mei")
    other = shop.platform.create_post(mei.id, "下午喝什么")
    says(shop, lin, "当然是 Yunshan Tea", quotes=other.id)
    assert len(cases(shop)) == 1


def test_one_author_opens_one_overheard_case_a_day(shop: XShop) -> None:
    lin, mei = shop.platform.person("linxiao"), shop.platform.person("mei")
    for text in (CALM, "云杉茶的店门口排队", "又是云杉茶"):
        says(shop, lin, text)
    says(shop, mei, CALM)
    assert len(cases(shop)) == 2
    assert len(heard(shop)) == 4


def test_an_author_whose_case_was_ended_opens_another_only_a_day_later(shop: XShop) -> None:
    lin, agent = shop.platform.person("linxiao"), shop.agent("mei")
    says(shop, lin, CALM)
    shop.run(shop.cases.resolve(cases(shop)[0].id, agent))
    says(shop, lin, "云杉茶，又见面了")
    assert cases(shop) == []
    shop.clock.move(DAY)
    says(shop, lin, "云杉茶，第三天了")
    assert len(cases(shop)) == 1
    assert nothing_was_sent(shop)


def test_a_post_found_twice_is_stored_once(shop: XShop) -> None:
    lin = shop.platform.person("linxiao")
    says(shop, lin, CALM)
    shop.looks()
    shop.looks()
    assert heard(shop) == [CALM]


def test_an_edited_post_is_not_a_second_post(shop: XShop) -> None:
    lin = shop.platform.person("linxiao")
    post = shop.platform.create_post(lin.id, CALM)
    shop.looks()
    shop.platform.edit_post(post.id, CALM + "！")
    shop.clock.move(1)
    shop.looks()
    assert heard(shop) == [CALM + "！"]
    assert len(cases(shop)) == 1


def test_unhappy_posts_come_first_then_authors_with_more_followers(shop: XShop) -> None:
    said = [("one", CALM, 900_000), ("two", ANGRY, 30), ("three", ANGRY, 80_000), ("four", CALM, 3)]
    for name, text, followers in said:
        says(shop, shop.platform.person(name, name, followers=followers), text)
    order = [shop.case(line.id).said[0].data["name"] for line in cases(shop)]
    assert order.index("three") == 0
    assert order.index("two") < order.index("four")


def test_customers_who_write_to_us_come_before_overheard_posts(shop: XShop) -> None:
    says(shop, shop.platform.person("star", "star", followers=90_000_000), ANGRY)
    lin = shop.platform.person("linxiao")
    shop.writes(lin, "转人工")
    assert [line.reason for line in shop.waiting()] == [Reason.ASKED, Reason.OVERHEARD]
    assert "1" in shop.told_privately(lin)[-1]  # first in the queue, whoever was overheard before


def test_an_overheard_case_moves_up_when_its_author_gets_angry(shop: XShop) -> None:
    lin = shop.platform.person("linxiao", followers=50_000)
    says(shop, lin, CALM)
    before = cases(shop)[0].priority
    says(shop, lin, ANGRY)
    (line,) = cases(shop)
    assert before < line.priority < 0
    assert shop.case(line.id).detail == "unhappy"


def test_an_overheard_case_cannot_be_answered_from_the_desk(shop: XShop) -> None:
    lin, agent = shop.platform.person("linxiao"), shop.agent("mei")
    says(shop, lin, ANGRY)
    case = cases(shop)[0].id
    shop.claims(agent, case)
    with pytest.raises(NotAllowed) as refused:
        shop.run(shop.cases.reply(case, agent, AgentReply("对不起", ("对不起",), "a-key-of-a-draft")))
    assert refused.value.code == "overheard"
    assert shop.run(shop.cases.note(case, agent, "已在 X 上亲自回复"))
    shop.clock.move(3_600)
    shop.sweep()  # nobody waits, so the case is not taken from its agent
    assert shop.case(case).line.state is CaseState.CLAIMED
    assert nothing_was_sent(shop)


def test_an_overheard_post_whose_skill_fails_is_a_case_and_gets_no_answer(
    shop: XShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(skill: SocialListeningSkill, turn: Turn) -> Decision:
        raise RuntimeError(turn.message.id)

    monkeypatch.setattr(SocialListeningSkill, "respond", broken)
    says(shop, shop.platform.person("linxiao"), ANGRY)
    (line,) = cases(shop)
    assert line.priority < 0
    assert nothing_was_sent(shop)


def test_an_overheard_stop_changes_nothing_and_an_overheard_post_is_no_consent(shop: XShop) -> None:
    lin = shop.platform.person("linxiao")
    says(shop, lin, "云杉茶 stop 停止")
    shop.writes(lin, "停止")
    says(shop, lin, CALM)
    rows = shop.run(shop.database.read(lambda one: one.execute(select(identities.c.silenced_at)).scalars().all()))
    assert min(rows) > 0


def test_posts_from_before_the_first_poll_are_never_overheard(shop: XShop) -> None:
    lin = shop.platform.person("linxiao")
    shop.clock.move(-7_200)
    shop.platform.create_post(lin.id, ANGRY)
    shop.clock.move(7_201)
    shop.looks()
    assert heard(shop) == []


def test_another_process_goes_on_from_the_stored_cursor(shop: XShop) -> None:
    lin = shop.platform.person("linxiao")
    says(shop, lin, CALM)
    shop.clock.move(600)
    shop.platform.create_post(lin.id, "云杉茶真好喝")
    shop.clock.move(1)
    other = shop.assembled()
    shop.run(other.editions.refresh())
    shop.run(other.poller.run_once())
    shop.run(other.journey.finish(20))
    channel = other.routes["brand"].channel
    assert isinstance(channel, TwitterChannel)
    shop.run(channel.close())
    assert heard(shop) == [CALM, "云杉茶真好喝"]
    kept = select(cursors.c.value).where(cursors.c.name == "listening")
    assert json.loads(shop.run(shop.database.read(lambda one: one.execute(kept).scalar_one())))["since"]


def test_after_a_month_of_silence_listening_goes_on(shop: XShop) -> None:
    shop.clock.move(30 * DAY)
    says(shop, shop.platform.person("linxiao"), CALM)
    assert heard(shop) == [CALM]


def test_an_account_without_keywords_never_searches(tmp_path: Path, shipped_edition: tuple[str, bytes]) -> None:
    with x_shop(tmp_path, f"sqlite:///{tmp_path / 'record.sqlite'}", shipped_edition) as quiet:
        says(quiet, quiet.platform.person("linxiao"), ANGRY)
        assert heard(quiet) == []
        assert "listening" not in quiet.channel.polls


def test_listening_stops_before_the_budget_for_mentions_is_used_up(
    tmp_path: Path, shipped_edition: tuple[str, bytes]
) -> None:
    url = f"sqlite:///{tmp_path / 'record.sqlite'}"
    with x_shop(tmp_path, url, shipped_edition, daily_budget="0.10", **HEARS) as poor:
        lin = poor.platform.person("linxiao")
        says(poor, lin, CALM)
        poor.run(poor.channel.client.spend(poor.channel.settings.prices.post_read, 8))
        assert look(poor).problem == "twitter:budget"
        asked = poor.platform.create_post(lin.id, f"@{APP.username} 怎么退货？")
        poor.looks()
        assert len(poor.replies(asked)) == 1


def test_after_a_failed_search_x_is_asked_again_and_nothing_is_lost(shop: XShop) -> None:
    lin = shop.platform.person("linxiao")
    shop.platform.create_post(lin.id, ANGRY)
    shop.platform.set_faults(Faults(down=True))
    assert look(shop).problem
    shop.platform.set_faults(Faults())
    shop.clock.move(1_000)
    shop.looks()
    assert heard(shop) == [ANGRY]


def look(shop: XShop) -> PollResult:
    cursor = shop.run(SqlCursors(shop.database).cursor("brand", "listening"))
    polled: PollResult = shop.run(shop.channel.polls["listening"].poll(cursor))
    return polled


def test_the_search_query_is_valid_for_x(shop: XShop) -> None:
    query = query_of(Listening(keywords=("云杉茶", "Yunshan Tea -is:reply OR"), leave_out=("云杉茶具",)), APP.user_id)
    assert query == f'("云杉茶" OR "Yunshan Tea -is:reply OR") -"云杉茶具" -is:retweet -from:{APP.user_id}'
    assert callable(parse_query(query, shop.platform.people))


@pytest.mark.parametrize(
    ("given_", "mend"),
    [
        ({"keywords": ['云"杉']}, "pattern"),
        ({"keywords": ["茶"]}, "at least 2"),
        ({"keywords": ["——"]}, "pattern"),
        ({"keywords": ["云杉茶" * 19] * 9}, "use fewer words"),
        ({"keywords": ["云杉茶"], "seconds": 1}, "30"),
        ({"words": ["云杉茶"]}, "not permitted"),
    ],
)
def test_a_keyword_that_x_could_not_search_for_is_refused_at_the_start(given_: dict[str, Any], mend: str) -> None:
    with pytest.raises(ValidationError) as refused:
        settings(listening=given_)
    assert any(mend in f"{error['msg']}; {hint_of(error)}" for error in refused.value.errors())


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), objects))
def test_any_search_answer_can_be_read(body: Any) -> None:
    clock = type("Clock", (), {"now": lambda self: 0.0})()
    wanted = listening(settings(**HEARS), OwnAccount("brand", BRAND), clock)
    for one in wanted.parse(body if isinstance(body, dict) else {}, 0.0):
        assert one is None or one.kind is Kind.OVERHEARD


def test_the_figures_in_the_docs_equal_those_of_the_bench() -> None:
    told = subprocess.run(
        [sys.executable, "bench/sentiment.py"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    figures = {line.split()[1]: line.replace("│", " ").split()[2:4] for line in told.splitlines() if "│ " in line}
    docs = (ROOT / "docs" / "x.md").read_text(encoding="utf-8")
    (accuracy,) = re.findall(r"(\d+) % \(Chinese\)\s+and (\d+) % \(English\)", docs)
    (auroc,) = re.findall(r"first in (\d+) and (\d+) % of all pairs", docs)
    for language, right, ranked in zip(("zh", "en"), accuracy, auroc, strict=True):
        assert [round(100 * float(figure)) for figure in figures[language]] == [int(right), int(ranked)]
