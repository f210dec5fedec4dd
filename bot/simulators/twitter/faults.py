"""What can go wrong on X's side, switched on by a test or by the person at the page."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Faults:
    """Faults that are on. Those with a number of times count requests, sends or events.

    only: the endpoints that suffer, by a part of their name such as 'POST /2/tweets'; '' is all of them.
    down: every request gets 503 in JSON. html: so many requests get 503 with a page of HTML. slow: seconds by which
    every answer is late. truncate: so many answers break off in their JSON. drop: so many requests are carried out
    and the connection then falls; error: so many are, and get 500. limited: so many get 429 though nothing is used up.
    no_reset: every 429 comes without x-rate-limit-reset. no_headers: no answer has rate-limit headers. broke: every
    request gets 402.
    refuse: every request gets this refusal of the account, by its name in `problems.OF_THE_ACCOUNT`.
    lag: seconds until what was written shows in lists. short: at most so many results on a page; 0 is as asked.
    duplicate: so many events are delivered twice. swap: so many are overtaken by the next one. deaf: no event is
    delivered at all.
    """

    only: str = ""
    down: bool = False
    html: int = 0
    slow: float = 0.0
    truncate: int = 0
    drop: int = 0
    error: int = 0
    limited: int = 0
    no_reset: bool = False
    no_headers: bool = False
    broke: bool = False
    refuse: str = ""
    lag: float = 0.0
    short: int = 0
    duplicate: int = 0
    swap: int = 0
    deaf: bool = False
