"""WeChat's side of an official account: followers, pushes, replies, tokens, customer-service messages, a phone page."""

from bot.simulators.wechat.app import SIMULATOR, application, running
from bot.simulators.wechat.platform import Delivery, Platform
from bot.simulators.wechat.state import SimulatedAccount

__all__ = ["SIMULATOR", "Delivery", "Platform", "SimulatedAccount", "application", "running"]
