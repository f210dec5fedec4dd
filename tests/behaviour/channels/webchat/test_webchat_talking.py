"""What visitors and agents experience on web chat, over a real server."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from support.conversations import Seeder
from support.running_product import eventually
from support.webchat_shop import Chats, Visitor, chatting, in_background, texts

from bot.stores.sql.schema import conversations, identities

pytestmark = pytest.mark.process

ODD = "能把我爷爷的名字刻在壶底吗？他下个月八十大寿"


@pytest.fixture(scope="module")
def chats(tmp_path_factory: pytest.TempPathFactory, shipped_edition: tuple[str, bytes]) -> Iterator[Chats]:
    with chatting(tmp_path_factory.mktemp("webchat"), shipped_edition) as running:
        yield running


@pytest.fixture
def visitor(chats: Chats) -> Visitor:
    someone = Visitor(chats)
    someone.arrives()
    return someone


def test_a_visitor_is_greeted_in_their_language_with_suggested_questions(chats: Chats) -> None:
    chinese, english = Visitor(chats).arrives("zh"), Visitor(chats).arrives("en")
    assert (chinese["title"], english["title"]) == ("云杉茶客服", "Yunshan Tea")
    assert "云杉茶" in chinese["welcome"]
    assert "Yunshan Tea" in english["welcome"]
    assert english["questions"] == ["How do I return something?"]
    assert chinese["token"] != english["token"]


def test_what_a_visitor_asks_is_accepted_and_answered_on_the_stream(visitor: Visitor) -> None:
    accepted = visitor.says("怎么退货？", "my-line-1")
    assert (accepted.status_code, accepted.json()) == (202, {"accepted": True})
    asked, answered = visitor.reads("怎么退货？", "签收后 7 天内")
    assert (asked["author"], asked["id"]) == ("customer", "my-line-1")
    assert answered["author"] == "bot"
    assert answered["seq"] > asked["seq"]


def test_a_message_sent_twice_is_stored_once(visitor: Visitor) -> None:
    for _ in range(3):
        assert visitor.says("怎么退货？", "only-once-1").status_code == 202
    assert visitor.says("你好", "afterwards-1").status_code == 202
    lines = visitor.reads("签收后 7 天内", "你好")
    assert texts(lines).count("怎么退货？") == 1
    assert sum("签收后 7 天内" in text for text in texts(lines)) == 1


def test_two_visitors_may_choose_the_same_id(chats: Chats) -> None:
    for text in ("怎么退货？", "多久能送到？"):
        someone = Visitor(chats)
        someone.arrives()
        assert someone.says(text, "the-same-id").status_code == 202
        assert texts(someone.reads(text)) == [text]


def test_a_reconnecting_browser_gets_what_it_missed_and_nothing_twice(visitor: Visitor) -> None:
    visitor.says("怎么退货？")
    first = visitor.reads("签收后 7 天内")
    visitor.says("谢谢")
    later = visitor.reads("谢谢", after=str(first[-1]["seq"]))
    assert texts(later)[0] == "谢谢"
    everything = visitor.reads("谢谢", after="0")
    assert [line["seq"] for line in everything[: len(first)]] == [line["seq"] for line in first]


def test_a_restart_of_the_server_loses_and_repeats_nothing(chats: Chats, visitor: Visitor) -> None:
    visitor.says("怎么退货？")
    before = visitor.reads("签收后 7 天内")
    chats.stop()
    with pytest.raises(httpx.TransportError):
        visitor.says("多久能送到？", "while-it-is-away")
    chats.start()
    assert visitor.says("多久能送到？", "while-it-is-away").status_code == 202
    after = visitor.reads("多久能送到？", after=str(before[-1]["seq"]))
    assert texts(after) == ["多久能送到？"]


def test_two_tabs_of_one_visitor_read_the_same(visitor: Visitor) -> None:
    tabs = [in_background(lambda: visitor.reads("怎么退货？", "签收后 7 天内")) for _ in range(2)]
    visitor.says("怎么退货？")
    one, other = (tab() for tab in tabs)
    assert one == other


def test_a_ninth_tab_ends_the_oldest_stream(visitor: Visitor) -> None:
    streams = [visitor.listens() for _ in range(9)]
    assert {next(stream).kind for stream in streams} == {"state"}
    assert [event.kind for event in streams[0]] == ["replaced"]
    for stream in streams:
        stream.close()


def test_a_question_the_bot_cannot_answer_reaches_an_agent_whose_reply_arrives_live(
    chats: Chats, visitor: Visitor
) -> None:
    agent = chats.agent("mei")
    visitor.says(ODD)
    lines = visitor.reads(ODD, "第 1 位")
    assert lines[-1]["author"] == "system"
    case = chats.case()
    assert (case.channel, case.account) == ("webchat", "shop")
    chats.claims(agent, case)
    reading = in_background(lambda: visitor.reads("可以的", after=str(lines[-1]["seq"])))
    chats.notes(agent, case, "问过师傅了")
    chats.replies(agent, case, "可以的，五天寄出。")
    arrived = reading()
    assert [(line["author"], line["text"]) for line in arrived] == [("agent", "可以的，五天寄出。")]
    said = [line.text for line in chats.view(case.id).said if line.kind.value == "text"]
    assert said == [*texts(lines), "可以的，五天寄出。"]
    eventually(lambda: {one.state.value for one in chats.view(case.id).outgoing} == {"sent"}, "all is sent", 10)
    chats.resolves(agent, case)


def test_the_visitor_sees_whether_the_bot_the_queue_or_an_agent_has_the_conversation(
    chats: Chats, visitor: Visitor
) -> None:
    agent = chats.agent("jun")
    told = (event.data for event in visitor.listens() if event.kind == "state")
    states = (data["owner"] for data in told if not data["thinking"])
    assert next(states) == "bot"
    visitor.says("找人工客服")
    assert next(owner for owner in states if owner != "bot") == "queue"
    case = chats.case()
    chats.claims(agent, case)
    assert next(owner for owner in states if owner != "queue") == "agent"
    chats.resolves(agent, case)
    assert next(owner for owner in states if owner != "agent") == "bot"


def test_a_visitor_who_proved_to_be_a_member_hears_their_points(chats: Chats, visitor: Visitor) -> None:
    visitor.says("查积分")
    asked = visitor.reads("会员号")
    visitor.says("13800000001")
    asked = visitor.reads("验证码已经发到", after=str(asked[-1]["seq"]))
    sent = eventually(lambda: list(chats.texts.sent), "the code is sent", 10)
    found = re.search(r"\d{6}", sent[-1].text)
    assert found is not None
    visitor.says(found.group())
    told = visitor.reads("1,000", after=str(asked[-1]["seq"]))
    assert told[-1]["author"] == "bot"
    stranger = Visitor(chats)
    stranger.arrives()
    stranger.says("查积分")
    assert not any("1,000" in text for text in texts(stranger.reads("会员号")))


def test_markup_and_links_arrive_as_written(visitor: Visitor) -> None:
    evil = "<img src=x onerror=alert(1)> & </script> https://brand.example/?a=1&b=2"
    visitor.says(evil)
    assert texts(visitor.reads("onerror")) == [evil]


def test_a_long_conversation_is_read_in_full_from_the_beginning(chats: Chats) -> None:
    seeder = Seeder(chats.database)
    someone = Visitor(chats)
    someone.arrives()
    handle = someone.token.split(".")[1]
    talk = seeder.conversation(seeder.customer("林晓"), "shop", "webchat")
    seeder.change(identities, seeder.row(conversations, talk).identity_id, handle=handle)
    for number in range(250):
        seeder.hears(talk, f"line {number}")
    assert texts(someone.reads("line 249", after="0")) == [f"line {number}" for number in range(250)]
    assert texts(someone.reads("line 249")) == [f"line {number}" for number in range(150, 250)]
