"""The simulator of WeChat as a web application: the phone page, its JSON endpoints, and the API that accounts call."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal
from zoneinfo import available_timezones

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import HTMLResponse, JSONResponse, Response

from bot.i18n import message
from bot.simulators.page import chosen_language, page_templates, render_page
from bot.simulators.server import ChannelSimulator, RequestBody, Simulator, build_app, serving
from bot.simulators.wechat import actions
from bot.simulators.wechat.actions import FollowerAction
from bot.simulators.wechat.api import Simulated, wechat_api
from bot.simulators.wechat.platform import Platform
from bot.simulators.wechat.state import MENU, QUESTIONS, Follower, MenuButton, Quota, SimulatedAccount

_PAGE = Path(__file__).parent / "page"
_TEMPLATES = page_templates(_PAGE)
DEMO_FOLLOWER = "我 Me"  # whose phone the demo shows, and any SMS to a number that no follower has

phone = APIRouter()  # the phone page and its JSON endpoints, which tests and benches use as well


@phone.get("/")
async def phone_page(
    request: Request, platform: Simulated, lang: str = "", tz: str = "", only: str = ""
) -> HTMLResponse:
    """The phone page. only=phone shows a phone without the tools around it, for a frame.

    The page's script reads two more parameters, which choose the follower: `as` (their name) and `phone`.
    """
    language = chosen_language(request, lang)
    zone = tz if tz in available_timezones() else platform.account.timezone
    return HTMLResponse(render(platform, language, zone, only == "phone", request.app.state.neighbour))


def render(platform: Platform, language: str, zone: str = "", alone: bool = False, neighbour: str = "") -> str:
    account = platform.account
    return render_page(
        _TEMPLATES,
        "phone.html",
        "simulator.wechat",
        language,
        account=account,
        name=getattr(account, f"name_{language}"),
        menu=[_button(button, language) for button in MENU],
        questions=[question.text(language) for question in QUESTIONS],
        webhook=platform.webhook_url,
        zone=zone or account.timezone,
        alone=alone,
        neighbour=neighbour,
    )


def _button(button: MenuButton, language: str) -> dict[str, Any]:
    return {"label": button.label.text(language), "buttons": [_button(one, language) for one in button.buttons]}


ActionKind = Literal["text", "image", "voice", "video", "location", "link", "follow", "unfollow", "click", "event"]


class NewFollower(RequestBody):
    name: str = Field(min_length=1, max_length=40, pattern=r"\S")
    phone: str = Field("", pattern=r"^\+?[0-9 -]{0,20}$")
    follow: bool = False  # also push the event subscribe, without waiting for the webhook


class NewMessage(RequestBody):
    """What a follower does."""

    kind: ActionKind = "text"
    text: str = Field("", max_length=20_000)  # of an event: its name
    key: str = Field("", max_length=128)  # EventKey of a click or an event
    url: str = Field("", max_length=1024)
    latitude: float = 31.2286  # Jing'an Temple in Shanghai
    longitude: float = 121.4486
    wait: bool = True  # answer after the last delivery attempt; else at once, with 202


class NewSms(RequestBody):
    phone: str = Field(min_length=1, max_length=40)
    text: str = Field(max_length=2_000)
    key: str = Field(min_length=1, max_length=200)


@phone.get("/api/state")
async def state(platform: Simulated) -> dict[str, Any]:
    """What the page shows, without the chats."""
    return {
        "now": platform.clock.now(),
        "followers": await followers(platform),
        "sms": await all_sms(platform),
        "calls": [asdict(call) for call in platform.calls],
        "faults": asdict(platform.faults.now),
    }


@phone.get("/api/followers")
async def followers(platform: Simulated) -> list[dict[str, Any]]:
    return [follower_json(one, platform) for one in platform.followers()]


@phone.post("/api/followers", status_code=201)
async def add_follower(asked: NewFollower, platform: Simulated) -> dict[str, Any]:
    someone = platform.follower(asked.name.strip(), asked.phone, following=not asked.follow)
    if asked.follow and not someone.following:
        platform.push_later(someone.openid, actions.follow())
    return follower_json(someone, platform)


@phone.get("/api/followers/{openid}")
async def follower(openid: str, platform: Simulated) -> dict[str, Any]:
    return follower_json(platform.find(openid), platform) | {"lines": [asdict(line) for line in platform.chat(openid)]}


@phone.post("/api/followers/{openid}/messages")
async def send_message(openid: str, asked: NewMessage, platform: Simulated) -> Response:
    said = _ACTIONS[asked.kind](asked)
    if asked.wait:
        return JSONResponse(asdict(await platform.push(openid, said)))
    platform.push_later(openid, said)
    return JSONResponse({"accepted": True}, 202)


@phone.post("/sms")
async def take_sms(asked: NewSms, platform: Simulated) -> dict[str, Any]:
    """Stand-in for an SMS provider's API: text messages with one-time codes. A repeated key is delivered once."""
    return {"accepted": True, "repeated": not platform.deliver_text(asked.phone, asked.text, asked.key)}


@phone.get("/api/sms")
async def all_sms(platform: Simulated) -> list[dict[str, Any]]:
    return [asdict(one) for one in platform.sms.all()]


@phone.post("/api/tokens/revoke", status_code=204)
async def revoke_tokens(platform: Simulated) -> None:
    platform.tokens.revoke()


@phone.post("/api/verify")
async def verify(platform: Simulated) -> dict[str, Any]:
    return asdict(await platform.verify_url())


def follower_json(someone: Follower, platform: Platform) -> dict[str, Any]:
    """A follower, with the number of messages that the account may still send them."""
    quota = someone.quota if someone.following else Quota()
    return {
        "openid": someone.openid,
        "name": someone.name,
        "phone": someone.phone,
        "following": someone.following,
        "quota": quota.shown(platform.clock.now()),
        "typing_until": platform.typing_until(someone.openid),
    }


def as_json(thing: Any, platform: Platform) -> Any:
    """What a live event is about: line, follower, typing, call, sms or faults."""
    if isinstance(thing, Follower):
        return follower_json(thing, platform)
    return thing if isinstance(thing, dict) else asdict(thing)


_ACTIONS: dict[ActionKind, Callable[[NewMessage], FollowerAction]] = {
    "text": lambda asked: actions.text(asked.text),
    "image": lambda asked: actions.image(asked.url),
    "voice": lambda asked: actions.voice(asked.text),
    "video": lambda _: actions.video(),
    "location": lambda asked: actions.location(asked.latitude, asked.longitude, asked.text),
    "link": lambda asked: actions.link(asked.text, asked.url),
    "follow": lambda _: actions.follow(),
    "unfollow": lambda _: actions.unfollow(),
    "click": lambda asked: actions.click(asked.key, asked.text),
    "event": lambda asked: actions.event(asked.text, asked.key),
}


def simulated_account(settings: Any, timezone: str) -> SimulatedAccount:
    """The platform's side of an account, with the same keys. settings: the account's, validated by its channel."""
    return SimulatedAccount(
        settings.app_id,
        settings.app_secret.get_secret_value(),
        settings.token.get_secret_value(),
        settings.encoding_aes_key.get_secret_value(),
        settings.original_id or "gh_yingda_demo",
        settings.mode,
        settings.api == "customer_service",
        "云杉茶",
        "Yunshan Tea",
        timezone=timezone,
    )


def application(platform: Platform, neighbour: str = "") -> Simulator:
    """All routes: `/` the page, `/api` and `/sms` its endpoints, `/cgi-bin` the API for the account's server."""
    app = build_app(platform, (wechat_api, phone), _PAGE, neighbour, as_json)
    return Simulator(app, platform.live.close, platform.allow_remote)


def running(platform: Platform, port: int = 0) -> AbstractAsyncContextManager[str]:
    """Serve within this event loop, for tests and benches. Yields the address, e.g. http://127.0.0.1:40123."""
    return serving(application(platform), port)


SIMULATOR = ChannelSimulator(
    help="Act as WeChat against a webhook, with a page to chat as several followers. 模拟微信平台与手机页面",
    welcome="cli.run.phone",
    path="",
    platform=lambda settings, timezone, webhook: Platform(simulated_account(settings, timezone), webhook),
    application=application,
    add_demo_user=lambda platform: platform.follower(DEMO_FOLLOWER),
    introduction=lambda _platform, here, webhook: message("cli.simulate.wechat", here=here, webhook=webhook),
)
