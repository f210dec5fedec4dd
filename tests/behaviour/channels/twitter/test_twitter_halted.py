"""X refuses the account and not the message: nothing fails one by one, nothing is lost, and it goes on by itself."""

from __future__ import annotations

from email.utils import formatdate

import pytest
from support.twitter_payloads import settings
from support.twitter_shop import XShop

from bot.app.channels import explain_error
from bot.app.site import account_statuses
from bot.channels.twitter import doctor as twitter
from bot.channels.twitter import explain
from bot.channels.twitter.http import XResponse, refusal
from bot.doctor import Grade
from bot.simulators.twitter import Faults
from bot.simulators.twitter.refusals import ACCOUNT_REFUSALS
from bot.simulators.twitter.state import Person
from bot.stores.sql.account_health import SqlAccountHealth

RETURNS = "怎么退货？"
WRITE = "POST /2/dm_conversations/with/{participant_id}/messages"
CODES = {
    "suspended": "twitter:suspended",
    "user-suspended": "twitter:suspended",
    "locked": "twitter:locked",
    "permissions": "twitter:permissions",
    "access": "twitter:access",
    "not-enrolled": "twitter:not-enrolled",
    "clock": "twitter:clock",
}


def writing(shop: XShop, count: int = 3) -> list[Person]:
    people = [shop.platform.person(f"person{number}") for number in range(count)]
    for one in people:
        shop.platform.send_direct_message(one.id, RETURNS)
    shop.looks()
    return people


def later(shop: XShop, seconds: float) -> None:
    shop.clock.move(seconds)
    shop.settle()


@pytest.mark.parametrize("refused", ACCOUNT_REFUSALS)
def test_while_x_refuses_the_account_answers_wait_and_are_then_sent_once(shop: XShop, refused: str) -> None:
    shop.platform.set_faults(Faults(only="POST", refuse=refused))
    people = writing(shop)
    assert shop.platform.request_log.requests[WRITE] <= 3
    for _ in range(60):
        later(shop, 60)
    assert {state for state, _ in shop.outcomes()} == {"pending"}
    assert shop.platform.request_log.requests[WRITE] <= 3 + 9  # an hour: after 1, 2, 4, 8 minutes, then every 15
    standing = shop.run(shop.channel.sending_status())
    assert standing.halted.partition(" ")[0] == CODES[refused]
    shop.platform.set_faults(Faults())
    for _ in range(16):
        later(shop, 60)
    assert [len(shop.told_privately(one)) for one in people] == [1, 1, 1]
    assert {state for state, _ in shop.outcomes()} == {"sent"}
    assert shop.run(shop.channel.sending_status()).halted == ""


def test_polling_resumes_by_itself_once_x_refuses_no_longer(shop: XShop) -> None:
    lin = shop.platform.person("linxiao")
    shop.platform.send_direct_message(lin.id, RETURNS)
    shop.platform.set_faults(Faults(refuse="not-enrolled"))
    for _ in range(20):
        shop.clock.move(60)
        shop.looks()
    assert shop.told_privately(lin) == []
    shop.platform.set_faults(Faults())
    for _ in range(18):
        shop.clock.move(60)
        shop.looks()
    assert len(shop.told_privately(lin)) == 1


def test_an_app_that_may_not_send_direct_messages_still_posts(shop: XShop) -> None:
    lin, mei = (shop.platform.person(name) for name in ("linxiao", "meihua"))
    shop.platform.set_faults(Faults(only=WRITE, refuse="permissions"))
    shop.writes(lin, RETURNS)
    post = shop.mentions(mei, "几点开门？")
    assert len(shop.replies(post)) == 1
    assert shop.told_privately(lin) == []
    assert shop.run(shop.channel.sending_status()).halted == "twitter:permissions"


def test_a_suspension_of_another_account_halts_nothing() -> None:
    about = {"type": "https://api.twitter.com/2/problems/user-suspended", "resource_id": "42"}
    failed = refusal(XResponse(403, about), "messages", "1600000000000000001")
    assert (failed.permanent, failed.halts_account) == (True, False)
    ours = refusal(XResponse(403, about | {"resource_id": "1600000000000000001"}), "messages", "1600000000000000001")
    assert (ours.permanent, ours.halts_account) == (False, True)


def test_an_author_who_limits_replies_halts_nothing(shop: XShop) -> None:
    lin = shop.platform.person("linxiao")
    shop.platform.set_faults(Faults(refuse="locked", only="POST"))
    shop.writes(lin, RETURNS)
    shop.platform.set_faults(Faults())
    shop.platform.people.block(lin.id, shop.platform.brand.id)
    for _ in range(3):
        later(shop, 60)
    assert shop.outcomes() == [("failed", "twitter:403")]
    assert shop.run(shop.channel.sending_status()).halted == ""  # the account itself was let through


def test_desk_and_health_page_show_why_nothing_is_sent_and_what_to_do(shop: XShop) -> None:
    shop.platform.set_faults(Faults(only="POST", refuse="locked"))
    writing(shop, 1)
    statuses = shop.run(account_statuses(shop.yingda, {"brand": "云山茶铺", "tea": "茶"}, "zh"))
    (refused,) = [one for one in statuses if one.sending.halted]
    assert refused.label == "云山茶铺"
    assert "x.com" in explain_error(refused.sending.halted).text("zh")
    (health,) = shop.run(SqlAccountHealth(shop.database).accounts({"brand": ""}))
    assert (health.halted, health.outgoing, health.failed) == ("twitter:locked", 1, 0)


@pytest.mark.parametrize("refused", ACCOUNT_REFUSALS)
def test_doctor_names_the_cause_and_the_correction(refused: str) -> None:
    problem = ACCOUNT_REFUSALS[refused]
    found = twitter.credentials("brand", settings(), XResponse(problem.status, problem.body))
    assert found.grade is Grade.FAIL
    assert "X refuses" in found.what.text("en")
    assert "limited replies" not in found.hint.text("en")
    assert found.hint.text("en") != explain(f"twitter:{problem.status}").text("en")


def test_a_refused_poll_is_not_explained_as_limited_messages(shop: XShop) -> None:
    failed = refusal(XResponse(403, {"title": "Forbidden", "detail": "Forbidden", "status": 403}))
    assert failed.code == "twitter:read-403"
    for language in ("zh", "en"):
        assert explain(failed.code).text(language) != explain("twitter:403").text(language)


@pytest.mark.parametrize(
    ("ahead", "zh", "en"), [(412, "快 412 秒", "412 s ahead"), (-3_600, "慢 3600 秒", "3600 s behind")]
)
def test_a_401_caused_by_our_clock_is_reported_as_the_clock_with_the_difference(ahead: float, zh: str, en: str) -> None:
    now = 1_790_000_000.0
    headers = {"date": formatdate(now - ahead, usegmt=True)}
    with_code = XResponse(401, {"errors": [{"code": 135, "message": "Timestamp out of bounds."}]}, headers, now)
    bare = XResponse(401, {"title": "Unauthorized", "status": 401}, headers, now)
    for answer in (with_code, bare):
        failed = refusal(answer, "messages")
        assert (failed.code, failed.halts_account) == (f"twitter:clock {ahead:+.0f}", True)
        assert zh in explain(failed.code).text("zh")
        assert en in explain(failed.code).text("en")
        assert "NTP" in explain(failed.code).text("en")
        assert en in twitter.credentials("brand", settings(), answer).hint.text("en")


def test_wrong_keys_with_a_right_clock_are_reported_as_wrong_keys() -> None:
    now = 1_790_000_000.0
    answer = XResponse(401, {"title": "Unauthorized"}, {"date": formatdate(now - 3, usegmt=True)}, now)
    assert refusal(answer, "posts").code == "twitter:401"
