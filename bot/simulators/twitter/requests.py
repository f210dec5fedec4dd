"""A request as an endpoint sees it, and the response to it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from starlette.responses import JSONResponse

from bot.simulators.twitter.refusals import invalid

_ID = re.compile(r"[0-9]{1,19}")
_TOKEN = re.compile(r"7140dibdnow9c7b([0-9a-z]+)")
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """An authenticated request. Its methods raise Refusal (400) for values that X would refuse."""

    user: str | None  # id; None for the app's bearer token
    path: Mapping[str, str] = field(default_factory=dict)  # parameters in the path
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None  # parsed JSON

    @property
    def me(self) -> str:
        """The id of the requesting user. '0', which no user has, for the app: endpoints of users refuse it before."""
        return self.user or "0"

    def number(self, name: str, least: int, most: int, usual: int) -> int:
        """An integer from `least` to `most`; `usual` if it is left out."""
        text = self.query.get(name)
        if text is None:
            return usual
        if not text.isdecimal() or not least <= int(text) <= most:
            raise invalid(name, text, f"The `{name}` query parameter value [{text}] is not between {least} and {most}")
        return int(text)

    def id(self, name: str) -> int | None:
        text = self.query.get(name)
        return None if text is None else int(checked_id(name, text))

    def ids(self, name: str) -> list[str]:
        """Up to 100 comma-separated ids."""
        given = [checked_id(name, one) for one in self.query.get(name, "").split(",")]
        if len(given) > 100:
            raise invalid(name, self.query[name], f"size must be between 1 and 100 for `{name}`")
        return given

    def names(self, name: str, known: frozenset[str]) -> frozenset[str]:
        """Comma-separated names from a fixed set."""
        given = frozenset(filter(None, self.query.get(name, "").split(",")))
        for one in sorted(given - known):
            raise invalid(name, one, f"The `{name}` query parameter value [{one}] is not one of {sorted(known)}")
        return given

    def time(self, name: str, usual: float) -> float:
        """The Unix time of a value like 2026-11-22T14:00:00Z; `usual` if it is left out."""
        text = self.query.get(name)
        try:
            return usual if text is None else datetime.fromisoformat(text).timestamp()
        except ValueError as strange:
            raise invalid(name, text, f"The `{name}` query parameter value [{text}] is not a time") from strange

    def before(self) -> int | None:
        """The id below which a page begins, from `pagination_token` or `next_token`; None for the first page."""
        name = "next_token" if "next_token" in self.query else "pagination_token"
        token = self.query.get(name)
        if token is None:
            return None
        found = _TOKEN.fullmatch(token)
        if found is None:
            raise invalid(name, token, f"The `{name}` query parameter value [{token}] is not valid")
        return int(found[1], 36)

    def text(self, name: str = "text") -> str:
        """A text field of the body; '' if it is left out."""
        value = self.body.get(name, "")
        if not isinstance(value, str):
            raise invalid(name, value, f"$.{name}: must be a string")
        return value

    def shaped(self, *known: str) -> Mapping[str, Any]:
        """The body as an object that has no other keys than `known`."""
        if not isinstance(self.body, dict):
            raise invalid("body", "", "Requests with bodies must have content-type of application/json.")
        for key in self.body:
            if key not in known:
                raise invalid(str(key), self.body[key], f"$.{key}: is not defined in the schema")
        return self.body


def success(status: int = 200, **parts: Any) -> JSONResponse:
    """The response with those parts that are not empty: X leaves out an empty `data`, `errors` or `includes`."""
    return JSONResponse({name: part for name, part in parts.items() if part}, status)


def names_in(text: str) -> frozenset[str]:
    """The space-separated names in a text."""
    return frozenset(text.split())


def checked_id(name: str, value: object) -> str:
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise invalid(name, value, f"The `{name}` parameter value [{value}] does not match ^[0-9]{{1,19}}$")
    return value


def token_for(last_id: int) -> str:
    """The opaque token of the page below this id: X's prefix, and the id in base 36."""
    digits = ""
    while last_id:
        last_id, digit = divmod(last_id, 36)
        digits = _DIGITS[digit] + digits
    return f"7140dibdnow9c7b{digits or '0'}"
