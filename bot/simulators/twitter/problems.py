"""Refusals with the bodies that X sends. Each says how well its body is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.errors import YingdaError

_TYPES = "https://api.twitter.com/2/problems/"


class Refusal(YingdaError):
    """An answer that is no success: an HTTP status, a body, and headers of its own."""

    def __init__(self, status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, body.get("detail", ""))
        self.status = status
        self.body = dict(body)
        self.headers = dict(headers or {})


def _plain(status: int, title: str, detail: str) -> Refusal:
    return Refusal(status, {"detail": detail, "type": "about:blank", "title": title, "status": status})


def unauthorized() -> Refusal:
    """Real: what v2 answers to wrong keys."""
    return _plain(401, "Unauthorized", "Unauthorized")


def forbidden(detail: str) -> Refusal:
    return _plain(403, "Forbidden", detail)


def duplicate() -> Refusal:
    """Real (akrherz/iembot #163); there is no code in it."""
    return forbidden("You are not allowed to create a Tweet with duplicate content.")


def not_summoned() -> Refusal:
    """Real since 2026-02-23 on self-serve tiers."""
    return forbidden(
        "Reply to this conversation is not allowed because you have not been mentioned or otherwise engaged by the"
        " author of the post you are replying to."
    )


def invisible() -> Refusal:
    """A reply to a post that is gone, protected, or of somebody who blocked us. Wording from memory of real answers."""
    return forbidden("You attempted to reply to a Tweet that is deleted or not visible to you.")


def messages_closed() -> Refusal:
    """The recipient's settings, or a block. That it is 403 is documented; the wording is not established."""
    return forbidden("You do not have permission to DM one or more participants.")


def unsupported_authentication() -> Refusal:
    """Real: a bearer token where a user is needed, or the other way round."""
    title = "Unsupported Authentication"
    detail = "Authenticating with this method is forbidden for this endpoint. Use a supported authentication method."
    return Refusal(
        403, {"title": title, "detail": detail, "type": _TYPES + "unsupported-authentication", "status": 403}
    )


def too_long() -> Refusal:
    """Real, and 400 rather than 403 (gundogan8/FotBot #22)."""
    return _plain(
        400,
        "Invalid Request",
        "Your Tweet text is too long. For more information on how Twitter determines text length see"
        " https://github.com/twitter/twitter-text.",
    )


def invalid(name: str, value: object, message: str) -> Refusal:
    """A parameter or a field of the body that won't do. The shape is real."""
    error = {"parameters": {name: [str(value)]}, "message": message}
    detail = "One or more parameters to your request was invalid."
    body = {"errors": [error], "title": "Invalid Request", "detail": detail, "type": _TYPES + "invalid-request"}
    return Refusal(400, body)


def _older(status: int, code: int, message: str) -> Refusal:
    """The body of v1.1, which v2 endpoints answer too where an older part of X refuses."""
    return Refusal(status, {"errors": [{"code": code, "message": message}]})


# What X refuses of an account or an app as such, by name. Bodies as reported by those who met them.
OF_THE_ACCOUNT: Mapping[str, Refusal] = {
    "suspended": _older(403, 64, "Your account is suspended and is not permitted to access this feature."),
    "user-suspended": Refusal(
        403,
        {
            "title": "Forbidden",
            "detail": "The account is suspended.",
            "type": _TYPES + "user-suspended",
            "status": 403,
        },
    ),
    "locked": _older(
        403,
        326,
        "To protect our users from spam and other malicious activity, this account is temporarily locked. Please log in"
        " to https://twitter.com to unlock your account.",
    ),
    "permissions": Refusal(
        403,
        {
            "title": "Forbidden",
            "detail": "Your client app is not configured with the appropriate oauth1 app permissions for this"
            " endpoint.",
            "type": _TYPES + "oauth1-permissions",
            "status": 403,
        },
    ),
    "access": _older(
        403,
        453,
        "You currently have access to a subset of X API V2 endpoints and limited v1.1 endpoints (e.g. media post,"
        " oauth) only. If you need access to this endpoint, you may need a different access level.",
    ),
    "not-enrolled": Refusal(
        403,
        {
            "title": "Client Forbidden",
            "detail": "When authenticating requests to the Twitter API v2 endpoints, you must use keys and tokens from"
            " a Twitter developer App that is attached to a Project.",
            "required_enrollment": "Appropriate Level of API Access",
            "reason": "client-not-enrolled",
            "type": _TYPES + "client-forbidden",
            "status": 403,
        },
    ),
    "clock": _older(401, 135, "Timestamp out of bounds."),
}


def credits_used_up() -> Refusal:
    """Real since pay-per-use (tryethernal/ethernal #1314); the detail's wording is not established."""
    detail = "Your enrolled account does not have any credits to fulfill this request."
    return Refusal(402, {"title": "CreditsDepleted", "detail": detail, "type": _TYPES + "credits"})


def too_many(headers: Mapping[str, str], old: bool = False) -> Refusal:
    """Both bodies have been seen: the problem, and `old` the one of v1.1 that the documentation still shows."""
    if old:
        return Refusal(429, {"errors": [{"code": 88, "message": "Rate limit exceeded"}]}, headers)
    title = "Too Many Requests"
    return Refusal(429, {"title": title, "detail": title, "type": "about:blank", "status": 429}, headers)


def too_many_connections() -> Refusal:
    """Documented in "Handling disconnections"."""
    body = {
        "title": "ConnectionException",
        "detail": "This stream is currently at the maximum allowed connection limit.",
        "connection_issue": "TooManyConnections",
        "type": _TYPES + "streaming-connection",
    }
    return Refusal(429, body)


def no_rules() -> Refusal:
    """409 is documented; the issue's name stands in the OpenAPI document."""
    body = {
        "title": "ConnectionException",
        "detail": "You need to define rules before connecting to the stream.",
        "connection_issue": "RuleConfigurationIssue",
        "type": _TYPES + "streaming-connection",
    }
    return Refusal(409, body)


def not_found(kind: str, parameter: str, value: str) -> dict[str, Any]:
    """A part of an answer (`errors`), not a refusal: the rest may have been found. Real."""
    return {
        "value": value,
        "detail": f"Could not find {kind} with {parameter}: [{value}].",
        "title": "Not Found Error",
        "resource_type": kind,
        "parameter": parameter,
        "resource_id": value,
        "type": _TYPES + "resource-not-found",
    }


def missing(kind: str, parameter: str, value: str) -> Refusal:
    return Refusal(404, not_found(kind, parameter, value) | {"status": 404})


def webhook_refused(title: str, detail: str) -> Refusal:
    """Names of the failures as documented: CrcValidationFailed, UrlValidationFailed, DuplicateUrlFailed, ..."""
    return Refusal(400, {"title": title, "detail": detail, "type": _TYPES + "invalid-request", "status": 400})
