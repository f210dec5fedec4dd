"""What can go wrong on the platform's side, switched on by a test or by the person at the page."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Faults:
    """Faults that are on.

    refuse: every call, also the one for an access token, gets this errcode.
    slow: seconds by which every API call is late. down: every API call gets 503. error: this errcode for the next
    `error_times` sends. drop: so many sends are carried out and the connection then falls. duplicate: so many
    messages are pushed twice at the same time. swap: so many messages are overtaken by the next one.
    """

    slow: float = 0.0
    down: bool = False
    error: int = 0
    error_times: int = 0
    drop: int = 0
    duplicate: int = 0
    swap: int = 0
    refuse: int = 0
