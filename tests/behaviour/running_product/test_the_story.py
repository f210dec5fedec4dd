"""The main job from end to end: a real `yingda run`, a follower on the simulated WeChat in safe mode, two agents."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from support.followers_and_agents import Agent, Follower, Json
from support.running_product import Product, eventually

from bot.app.site import DEMO_LOGIN

pytestmark = pytest.mark.faults

NUMBER = "13800000001"
RETURNS = "怎么退货？"
ODD = "能把我爷爷的名字刻在壶底吗？他下个月八十大寿"
NOTE = "问过景德镇的师傅：刻底款五天，免费。"
REPLY = "林小姐您好，可以的：请师傅刻底款，五天寄出，不另收费。名字发我就行。"
NAME = "林敬亭"


@dataclass(frozen=True, slots=True)
class Cast:
    """Lin is a member who writes, Min somebody else; Yun and Shan work at the desk."""

    lin: Follower
    min: Follower
    yun: Agent
    shan: Agent


@pytest.fixture
def cast(product: Product) -> Iterator[Cast]:
    lin, min_ = Follower(product, "林晓", NUMBER), Follower(product, "周敏", "13800000005")
    yun, shan = Agent(product, *DEMO_LOGIN), Agent(product, "demo2", DEMO_LOGIN[1])
    yield Cast(lin, min_, yun, shan)
    for someone in (lin, min_, yun, shan):
        someone.leave()


def test_a_question_is_answered_points_are_told_and_an_odd_question_reaches_an_agent(
    product: Product, cast: Cast
) -> None:
    the_webhook_is_ours_and_wants_encryption(product)
    a_question_is_answered_in_the_language_it_was_asked_in(cast.lin)
    points_are_told_to_whoever_holds_the_phone_on_record(cast.lin)
    nobody_else_learns_them(cast)
    case_id = an_odd_question_opens_one_case_with_one_message(cast)
    the_agent_reads_everything_and_why(cast, case_id)
    one_agent_has_it(cast, case_id)
    the_answer_reaches_the_phone(cast, case_id)
    the_case_ends(cast, case_id)
    who_writes_again_reaches_the_same_person_first(cast)
    nothing_of_it_stands_on_the_terminal(product)


def the_webhook_is_ours_and_wants_encryption(product: Product) -> None:
    """The account is in safe mode: what is not encrypted is not WeChat's."""
    verified = httpx.post(f"{product.phone}/api/verify", trust_env=False, timeout=30).json()
    assert verified == {"ok": True, "status": 200, "why": ""}
    plain = "<xml><FromUserName>x</FromUserName><MsgType>text</MsgType><Content>hi</Content><MsgId>1</MsgId></xml>"
    hook = f"{product.site}/wechat/demo?timestamp=1&nonce=2&signature=3"
    assert httpx.post(hook, content=plain, trust_env=False, timeout=30).status_code == 403


def a_question_is_answered_in_the_language_it_was_asked_in(lin: Follower) -> None:
    assert lin.lines()[-1]["text"].startswith("您好，欢迎来到云杉茶")
    assert "签收后 7 天内" in lin.hears(RETURNS)
    assert "within 7 days" in lin.hears("How do I return something?").lower()


def points_are_told_to_whoever_holds_the_phone_on_record(lin: Follower) -> None:
    assert "会员号或登记的手机号" in lin.hears("我有多少积分？")
    assert "验证码已经发到" in lin.hears(NUMBER)
    told = lin.hears(lin.code())
    assert "绑定好了，林晓" in told
    assert "1,000 积分" in told


def nobody_else_learns_them(cast: Cast) -> None:
    """Min knows Lin's number: the code goes to Lin's phone, and guessing does not help."""
    cast.min.hears("积分")
    before = len(cast.lin.text_messages())
    assert "验证码已经发到" in cast.min.hears(NUMBER)
    eventually(lambda: len(cast.lin.text_messages()) > before, "the code on Lin's phone")
    guess = "000000" if cast.lin.code() != "000000" else "111111"
    assert "验证码不对" in cast.min.hears(guess)
    assert cast.min.text_messages() == []
    assert not any("1,000" in line["text"] for line in cast.min.lines())


def an_odd_question_opens_one_case_with_one_message(cast: Cast) -> str:
    before = len(cast.lin.lines())
    assert "第 1 位" in cast.lin.hears(ODD)
    assert [line["side"] for line in cast.lin.lines()[before:]] == ["follower", "account"]
    (line,) = cast.yun.board()
    assert (line["state"], line["reason"], line["said"], line["said_by"]) == ("waiting", "unsure", ODD, "customer")
    case_id: str = line["id"]
    return case_id


def the_agent_reads_everything_and_why(cast: Cast, case_id: str) -> None:
    case = cast.yun.case(case_id)
    assert texts(case["said"]) == texts(cast.lin.lines())
    card = case["handoff"]
    assert (card["reason"], card["asked"]["text"], len(card["candidates"])) == ("unsure", ODD, 3)
    decided = {trace["message_id"]: trace["trace"] for trace in case["traces"]}
    by_text = {said["text"]: decided[said["id"]] for said in case["said"] if said["id"] in decided}
    assert (by_text[RETURNS]["decision"], by_text[RETURNS]["entry"]) == ("Answer", "return-goods")
    assert by_text[ODD]["decision"] == "HandOff"
    assert (case["member"]["name"], case["member"]["points"]) == ("林晓", 1000)


def one_agent_has_it(cast: Cast, case_id: str) -> None:
    assert cast.yun.does("claim", case_id).status_code == 200
    late = cast.shan.does("claim", case_id)
    assert (late.status_code, late.json()["code"], late.json()["winner_name"]) == (409, "taken", "小云 Demo")
    assert cast.shan.writes(case_id, "我来").status_code == 403
    assert cast.shan.board()[0]["agent_name"] == "小云 Demo"


def the_answer_reaches_the_phone(cast: Cast, case_id: str) -> None:
    """Through the customer-service API; notes stay at the desk; while Yun has the case the bot is quiet."""
    assert cast.yun.notes(case_id, NOTE).status_code == 200
    assert cast.yun.writes(case_id, REPLY).status_code == 200
    arrived = cast.lin.waits_for("the answer", lambda lines: [line for line in lines if line["text"] == REPLY])
    assert [line["via"] for line in arrived] == ["api"]
    eventually(lambda: deliveries(cast.yun.case(case_id), REPLY) == ["sent"], "the desk knows that it arrived")
    assert cast.lin.says(RETURNS)["reply"] is None
    assert cast.lin.says(NAME)["reply"] is None
    assert texts(cast.shan.case(case_id)["said"])[-2:] == [RETURNS, NAME]
    assert NOTE not in texts(cast.lin.lines())


def the_case_ends(cast: Cast, case_id: str) -> None:
    assert cast.yun.does("resolve", case_id).status_code == 200
    assert cast.shan.board() == []
    assert cast.yun.case(case_id)["line"]["state"] == "resolved"


def who_writes_again_reaches_the_same_person_first(cast: Cast) -> None:
    assert "第 1 位" in cast.lin.hears(ODD)
    (line,) = cast.shan.board()
    yun = cast.yun.case(line["id"])["me"]
    assert (line["reason"], line["state"], line["prefer"]) == ("reopened", "waiting", yun)
    assert cast.yun.does("hand-back", line["id"]).status_code == 200
    assert "签收后 7 天内" in cast.lin.hears(RETURNS)


def nothing_of_it_stands_on_the_terminal(product: Product) -> None:
    told = product.told()
    assert [text for text in (NUMBER, RETURNS, ODD, NOTE, REPLY, NAME) if text in told] == []


def texts(lines: list[Json]) -> list[str]:
    """What was said, without what only happened (a follow) and without notes."""
    return [line["text"] for line in lines if line["text"] and line["kind"] not in ("note", "subscribe", "follow")]


def deliveries(case: Json, text: str) -> list[str]:
    return [piece["state"] for piece in case["outgoing"] if piece["text"] == text]
