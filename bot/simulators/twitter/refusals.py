"""Refusals with the bodies that X sends.

Each says how well its body is known: seen in real responses, documented, or neither.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from bot.errors import YingdaError

PROBLEMS = "https://api.twitter.com/2/problems/"


class Refusal(YingdaError):
    """A response that is not a success."""

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        super().__init__(status, body.get("detail", ""))
        self.status = status
        self.body = dict(body)


def _blank(status: int, title: str, detail: str) -> Refusal:
    return Refusal(status, {"detail": detail, "type": "about:blank", "title": title, "status": status})


def _problem(status: int, title: str, detail: str, kind: str) -> Refusal:
    return Refusal(status, {"title": title, "detail": detail, "type": PROBLEMS + kind, "status": status})


def _refusal_v1(status: int, code: int, message: str) -> Refusal:
    """The body of v1.1, which v2 endpoints send as well where an older part of X refuses."""
    return Refusal(status, {"errors": [{"code": code, "message": message}]})


# Seen: what v2 answers to wrong keys.
unauthorized = partial(_blank, 401, "Unauthorized", "Unauthorized")
forbidden = partial(_blank, 403, "Forbidden")
not_permitted = partial(forbidden, "You are not permitted to perform this action.")
# Seen (akrherz/iembot #163); it has no error code.
duplicate = partial(forbidden, "You are not allowed to create a Tweet with duplicate content.")
# Seen since 2026-02-23 on self-serve tiers.
not_summoned = partial(
    forbidden,
    "Reply to this conversation is not allowed because you have not been mentioned or otherwise engaged by the author"
    " of the post you are replying to.",
)
# A reply to a post that is deleted, or whose author blocks the account. Wording from memory.
parent_not_visible = partial(forbidden, "You attempted to reply to a Tweet that is deleted or not visible to you.")
# Refused by the recipient's settings or a block. The status is documented, the wording is not.
messages_closed = partial(forbidden, "You do not have permission to DM one or more participants.")
# Seen: a bearer token where a user is needed, or the reverse.
unsupported_authentication = partial(
    _problem,
    403,
    "Unsupported Authentication",
    "Authenticating with this method is forbidden for this endpoint. Use a supported authentication method.",
    "unsupported-authentication",
)
# Seen, with 400 rather than 403 (gundogan8/FotBot #22).
too_long = partial(
    _blank,
    400,
    "Invalid Request",
    "Your Tweet text is too long. For more information on how Twitter determines text length see"
    " https://github.com/twitter/twitter-text.",
)


def invalid(name: str, value: object, message: str) -> Refusal:
    """A wrong parameter, or a wrong field of the body. The shape is seen."""
    error = {"parameters": {name: [str(value)]}, "message": message}
    detail = "One or more parameters to your request was invalid."
    body = {"errors": [error], "title": "Invalid Request", "detail": detail, "type": PROBLEMS + "invalid-request"}
    return Refusal(400, body)


_NOT_ENROLLED = (
    "When authenticating requests to the Twitter API v2 endpoints, you must use keys and tokens from a Twitter"
    " developer App that is attached to a Project."
)
# Refusals of the account or the app as such, by name. Bodies as users have reported them.
ACCOUNT_REFUSALS: Mapping[str, Refusal] = {
    "suspended": _refusal_v1(403, 64, "Your account is suspended and is not permitted to access this feature."),
    "user-suspended": _problem(403, "Forbidden", "The account is suspended.", "user-suspended"),
    "locked": _refusal_v1(
        403,
        326,
        "To protect our users from spam and other malicious activity, this account is temporarily locked. Please log in"
        " to https://twitter.com to unlock your account.",
    ),
    "permissions": _problem(
        403,
        "Forbidden",
        "Your client app is not configured with the appropriate oauth1 app permissions for this endpoint.",
        "oauth1-permissions",
    ),
    "access": _refusal_v1(
        403,
        453,
        "You currently have access to a subset of X API V2 endpoints and limited v1.1 endpoints (e.g. media post,"
        " oauth) only. If you need access to this endpoint, you may need a different access level.",
    ),
    "not-enrolled": Refusal(
        403,
        {"title": "Client Forbidden", "detail": _NOT_ENROLLED, "required_enrollment": "Appropriate Level of API Access"}
        | {"reason": "client-not-enrolled", "type": PROBLEMS + "client-forbidden", "status": 403},
    ),
    "clock": _refusal_v1(401, 135, "Timestamp out of bounds."),
}


def credits_used_up() -> Refusal:
    """Seen since pay-per-use (tryethernal/ethernal #1314); the wording of `detail` is not known."""
    detail = "Your enrolled account does not have any credits to fulfill this request."
    return Refusal(402, {"title": "CreditsDepleted", "detail": detail, "type": PROBLEMS + "credits"})


def too_many(old: bool = False) -> Refusal:
    """Both bodies are seen: the problem, and with `old` the one of v1.1 that the documentation still shows."""
    if old:
        return _refusal_v1(429, 88, "Rate limit exceeded")
    title = "Too Many Requests"
    return Refusal(429, {"title": title, "detail": title, "type": "about:blank", "status": 429})


def _no_stream(status: int, detail: str, issue: str) -> Refusal:
    body = {"title": "ConnectionException", "detail": detail, "connection_issue": issue}
    return Refusal(status, body | {"type": PROBLEMS + "streaming-connection"})


# Documented in "Handling disconnections".
too_many_connections = partial(
    _no_stream, 429, "This stream is currently at the maximum allowed connection limit.", "TooManyConnections"
)
# The status is documented; `connection_issue` is named in X's OpenAPI document.
no_rules = partial(
    _no_stream, 409, "You need to define rules before connecting to the stream.", "RuleConfigurationIssue"
)


def not_found(kind: str, parameter: str, value: str, by: str = "") -> dict[str, Any]:
    """Seen. An item of `errors` in a success, because other things may have been found. by: `parameter` in the text."""
    return {
        "value": value,
        "detail": f"Could not find {kind} with {by or parameter}: [{value}].",
        "title": "Not Found Error",
        "resource_type": kind,
        "parameter": parameter,
        "resource_id": value,
        "type": PROBLEMS + "resource-not-found",
    }


def missing(kind: str, parameter: str, value: str) -> Refusal:
    return Refusal(404, not_found(kind, parameter, value) | {"status": 404})


def webhook_refused(title: str, detail: str) -> Refusal:
    """Titles as documented: CrcValidationFailed, UrlValidationFailed, DuplicateUrlFailed, ..."""
    return _problem(400, title, detail, "invalid-request")
