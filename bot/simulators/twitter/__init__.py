"""X's side of a brand's account: people, posts, direct messages, limits, webhooks, streams, and a timeline page."""

from bot.simulators.twitter.app import SIMULATOR, application, running
from bot.simulators.twitter.limits import Rule
from bot.simulators.twitter.platform import Platform
from bot.simulators.twitter.state import Faults, SimulatedApp

__all__ = ["SIMULATOR", "Faults", "Platform", "Rule", "SimulatedApp", "application", "running"]
