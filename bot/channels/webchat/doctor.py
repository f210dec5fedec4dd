"""The doctor's checks of a web chat: which sites may embed it, and whether browsers can load the widget."""

from __future__ import annotations

from collections.abc import Sequence

from bot.access.origins import ANY_SITE, hostname_of
from bot.channels.webchat.channel import WebChatSettings
from bot.i18n import NO_TEXT
from bot.ports.findings import AccountView, Finding, fail, ok, unreachable, warn


async def examine(account: AccountView, settings: WebChatSettings) -> list[Finding]:
    """All findings about an account; the widget is only requested if the public address is known."""
    found = [embedding(account.name, settings, account.public)]
    return [*found, await widget(account)] if account.public else found


def embedding(name: str, settings: WebChatSettings, public: str) -> Finding:
    """Whether the configured sites can embed the chat. public: our public address, '' if unknown."""
    origins: Sequence[str] = settings.origins
    if not origins:
        return ok("doctor.webchat.own_page", name=name)
    # Browsers block scripts from http:// on pages from https:// (mixed content).
    if public.startswith("http://") and any(origin.startswith("https://") for origin in origins):
        return fail("doctor.webchat.plain_http", name=name, public=public)
    if ANY_SITE in origins:
        return warn("doctor.webchat.any_site", name=name)
    for origin in origins:
        if origin.startswith("http://") and hostname_of(origin) not in ("localhost", "127.0.0.1", "::1"):
            return warn("doctor.webchat.bare_site", name=name, origin=origin)
    return ok("doctor.webchat.sites", name=name, sites=", ".join(origins))


async def widget(account: AccountView) -> Finding:
    """Whether the widget can be loaded from the public address."""
    address = f"{account.public.rstrip('/')}/webchat/widget.js"
    reply = await account.get(address, {})
    if reply.status == 200 and "yingda-chat" in reply.body:
        return ok("doctor.webchat.widget", address=address)
    hint = unreachable(reply) if reply.status else NO_TEXT
    return fail("doctor.webchat.no_widget", hint, address=address, error=reply.status or reply.body)
