"""X's side of a brand's account: people, posts, direct messages, limits, webhooks and streams, and a page."""

from bot.simulators.twitter.account import Question, SimulatedApp
from bot.simulators.twitter.app import ready, running, serve
from bot.simulators.twitter.console import connect
from bot.simulators.twitter.faults import Faults
from bot.simulators.twitter.limits import Rule
from bot.simulators.twitter.platform import Platform

__all__ = [
    "Faults",
    "Platform",
    "Question",
    "Rule",
    "SimulatedApp",
    "connect",
    "ready",
    "running",
    "serve",
]
