"""How X sees an account: are its keys good, and whose are they. One harmless call, GET /2/users/me."""

from __future__ import annotations

from bot.channels.twitter.api import Answer, Api
from bot.channels.twitter.failures import explain, refusal
from bot.channels.twitter.reading import number
from bot.channels.twitter.settings import TwitterSettings
from bot.doctor.findings import Finding, Words, fail, ok, warn
from bot.errors import DeliveryFailed


async def ask(settings: TwitterSettings) -> Answer | None:
    """X's answer to who we are; None if there was none."""
    api = Api(settings)
    try:
        return await api.call(lambda client: client.get_me(user_auth=True))
    except DeliveryFailed:
        return None
    finally:
        api.close()


def credentials(name: str, settings: TwitterSettings, answer: Answer | None) -> Finding:
    """What the answer says about an account's four keys and its user_id."""
    if answer is None or answer.status >= 500:
        return fail(
            Words(
                f"{name}：{settings.api_url} 没有给出可用的答复", f"{name}: {settings.api_url} gives no answer of use"
            ),
            Words("检查网络、DNS、代理与 api_url", "check network, DNS, proxy and api_url"),
        )
    if answer.status == 429:
        return warn(
            Words(
                f"{name}：X 的次数限制用完，没能检查密钥", f"{name}: X's limit is used up, the keys were not checked"
            ),
            Words("15 分钟后再试", "try again in 15 minutes"),
        )
    if answer.status != 200:
        code = refusal(answer, ours=settings.user_id).code
        what = Words(f"{name}：X 拒绝（{answer.status}）", f"{name}: X refuses ({answer.status})")
        return fail(what, Words(explain(code, "zh"), explain(code, "en")))
    return _whose(name, settings, number(answer.body, "data", "id"))


def _whose(name: str, settings: TwitterSettings, theirs: str) -> Finding:
    if theirs == settings.user_id:
        return ok(f"{name}：X 接受密钥", f"{name}: X accepts the keys")
    return fail(
        Words(
            f"{name}：密钥属于账号 {theirs or '未知'}，不是 {settings.user_id}",
            f"{name}: the keys are those of account {theirs or 'unknown'}, not of {settings.user_id}",
        ),
        Words(
            f"把 user_id 改为 {theirs}，或换用品牌账号的 access_token",
            f"set user_id to {theirs}, or use the brand's token",
        ),
    )
