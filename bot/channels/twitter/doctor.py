"""The doctor's check of an X account: whether its keys work and belong to it. One harmless call: GET /2/users/me."""

from __future__ import annotations

from bot.channels.twitter.http import XApi, XResponse, explain, refusal
from bot.channels.twitter.payloads import id_at
from bot.channels.twitter.settings import WHERE, TwitterSettings
from bot.errors import DeliveryFailed
from bot.i18n import message
from bot.ports.findings import AccountView, Finding, fail, ok, simulator_stopped, warn

REFUSALS = {"signature": (message("doctor.refusal.signature"), message("doctor.twitter.signature_mend", where=WHERE))}


async def examine(account: AccountView, settings: TwitterSettings) -> list[Finding]:
    """Whether X accepts the account's keys."""
    answer = await ask(settings)
    if answer is None and account.simulated(settings.api_url):
        return [simulator_stopped(account.name)]
    return [credentials(account.name, settings, answer)]


async def ask(settings: TwitterSettings) -> XResponse | None:
    """X's answer to GET /2/users/me; None if there was none."""
    api = XApi(settings)
    try:
        return await api.call(lambda client: client.get_me(user_auth=True))
    except DeliveryFailed:
        return None
    finally:
        api.close()


def credentials(name: str, settings: TwitterSettings, answer: XResponse | None) -> Finding:
    """The finding about an account's four keys and its user_id."""
    if answer is None or answer.status >= 500:
        return fail("doctor.twitter.silent", name=name, url=settings.api_url)
    if answer.status == 429:
        return warn("doctor.twitter.limited", name=name)
    if answer.status != 200:
        hint = explain(refusal(answer, ours=settings.user_id).code)
        return fail("doctor.twitter.refused", hint, name=name, status=answer.status)
    theirs = id_at(answer.body, "data", "id")
    if not theirs:
        return fail("doctor.twitter.unknown_account", name=name, ours=settings.user_id)
    if theirs != settings.user_id:
        return fail("doctor.twitter.other_account", name=name, theirs=theirs, ours=settings.user_id)
    return ok("doctor.twitter.good", name=name)
