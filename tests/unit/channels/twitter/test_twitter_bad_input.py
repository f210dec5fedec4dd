"""Whatever reaches the webhook of an X account is messages or a typed refusal."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.services import MovableClock
from support.twitter_payloads import (
    BRAND,
    JULY_24,
    OLDER_BRAND,
    PAYLOADS,
    SIGNED,
    activity,
    push,
    signed,
    webhook_channel,
)
from support.twitter_payloads import settings as account

from bot.channels.twitter import TwitterChannel
from bot.channels.twitter.events import OwnAccount
from bot.channels.twitter.polling import listening, mentions, messages
from bot.domain.messages import Inbound, Messages, RawRequest
from bot.errors import Refused

CHANNEL = webhook_channel()
OLDER = webhook_channel(user_id=OLDER_BRAND)
CAPTURED: list[Any] = [
    *json.loads((PAYLOADS / "activity-events.json").read_text(encoding="utf-8")).values(),
    *json.loads((PAYLOADS / "account-activity-events.json").read_text(encoding="utf-8")),
]
ABSURD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["", "\ud800", "9" * 40, "-1", "²", "2026-99-99", [], {}, [[[]]], [None], {"data": None}]),
)


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path of everything in a JSON value."""
    yield path
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in members:
        yield from places(member, (*path, name))


def with_other(event: Any, path: tuple[str | int, ...], other: Any) -> Any:
    """The event with something else, or nothing at all, in one place."""
    if not path:
        return other
    changed = copy.deepcopy(event)
    holder = changed
    for step in path[:-1]:
        holder = holder[step]
    if other is ...:
        del holder[path[-1]]
    else:
        holder[path[-1]] = other
    return changed


def outcome(channel: TwitterChannel, request: RawRequest) -> str | tuple[int, str]:
    try:
        got = channel.receive(request)
    except Refused as refused:
        return refused.status, refused.code
    if not isinstance(got, Messages):
        return "handshake"
    for inbound in got.inbounds:
        may_be_accepted(inbound)
    return "messages"


def may_be_accepted(inbound: Inbound) -> None:
    """What every database takes: ids that are X's, and text that can be written."""
    assert inbound.handle.isdecimal()
    assert inbound.dedup_key.partition(":")[2].isdecimal()
    assert len(inbound.dedup_key + inbound.thread) < 64
    written = [inbound.text, inbound.thread, *inbound.data.values(), inbound.media.reference if inbound.media else ""]
    assert "\0" not in "".join(written).encode().decode()


@settings(max_examples=400)
@given(data=st.data())
def test_an_event_with_any_field_missing_or_malformed_is_read(data: st.DataObject) -> None:
    event = data.draw(st.sampled_from(CAPTURED))
    path = data.draw(st.sampled_from(list(places(event))))
    other = data.draw(st.one_of(st.just(...), ABSURD)) if path else data.draw(ABSURD)
    request = signed(json.dumps(with_other(event, path, other)).encode())
    for channel in (CHANNEL, OLDER):
        assert outcome(channel, request) == "messages"


def a_page(name: str, **changes: Any) -> Any:
    """A page of a list, of a captured event's payload."""
    event = json.loads((PAYLOADS / "activity-events.json").read_text(encoding="utf-8"))[name]["data"]
    if name != "dm.received":
        return {
            "data": [event["payload"] | changes],
            "includes": event.get("includes", {}),
            "meta": {"result_count": 1},
        }
    (message,) = event["payload"]["direct_message_events"]
    made = message["message_create"]
    talk = f"{made['target']['recipient_id']}-{made['sender_id']}"
    about = {"id": message["id"], "event_type": "MessageCreate", "created_at": "2026-07-24T21:24:00.000Z"}
    said = {"sender_id": made["sender_id"], "text": "hello", "dm_conversation_id": talk}
    return {"data": [about | said | {"attachments": {"media_keys": ["3_1"]}}], "meta": {"result_count": 1}}


OURS = OwnAccount("brand", BRAND)
LISTS = {
    "mentions": (mentions(account(), OURS), [a_page("post.mention.create"), a_page("post.quote.create")]),
    "messages": (messages(account(), OURS), [a_page("dm.received")]),
    "listening": (listening(account(), OURS, MovableClock(JULY_24)), [a_page("post.mention.create", entities={})]),
}


@pytest.mark.parametrize("name", LISTS)
def test_a_complete_page_is_read(name: str) -> None:
    listing, pages = LISTS[name]
    assert all([one for one in listing.parse(page, JULY_24) if one is not None] for page in pages)


@settings(max_examples=300)
@given(data=st.data())
@pytest.mark.parametrize("name", LISTS)
def test_a_page_with_any_field_missing_or_malformed_is_read(name: str, data: st.DataObject) -> None:
    listing, pages = LISTS[name]
    page = data.draw(st.sampled_from(pages))
    path = data.draw(st.sampled_from([one for one in places(page) if one]))
    changed = with_other(page, path, data.draw(st.one_of(st.just(...), ABSURD)))
    for inbound in listing.parse(changed, JULY_24):
        if inbound is not None:
            may_be_accepted(inbound)


@given(body=st.binary(max_size=400))
def test_signed_garbage_is_read_or_refused_as_malformed(body: bytes) -> None:
    assert outcome(CHANNEL, signed(body)) in ("messages", (400, "malformed"))


FORGERIES = {
    "another secret": push(activity("dm.received"), secret="somebody-elses-secret"),
    "no signature": RawRequest("POST", {}, {}, b"{}", JULY_24),
    "a signature outside ASCII": RawRequest("POST", {}, {SIGNED: "sha256=签名\udc80"}, b"{}", JULY_24),
    "a changed body": replace(push(activity("dm.received")), body=b"{}"),
    "white space": replace(push(activity("dm.received")), body=push(activity("dm.received")).body + b" "),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forgery_is_refused(forgery: str) -> None:
    assert outcome(CHANNEL, FORGERIES[forgery]) == (403, "signature")


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        (b"{", (400, "malformed")),
        (b"", (400, "malformed")),
        (b"[" * 20_000, (400, "malformed")),
        (b"9" * 5_000, (400, "malformed")),
        (b"{" * 70_000, (413, "size")),
    ],
)
def test_a_body_that_is_no_event_is_refused(body: bytes, refusal: tuple[int, str]) -> None:
    assert outcome(CHANNEL, signed(body)) == refusal


def test_other_methods_are_refused() -> None:
    assert outcome(CHANNEL, replace(push({}), method="PUT")) == (400, "method")
