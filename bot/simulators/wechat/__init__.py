"""WeChat's side of an official account: followers, pushes, replies, tokens, customer-service messages, and a page."""

from bot.simulators.wechat.account import MenuButton, Question, SimulatedAccount
from bot.simulators.wechat.app import ready, running, serve
from bot.simulators.wechat.platform import Delivery, Platform

__all__ = [
    "Delivery",
    "MenuButton",
    "Platform",
    "Question",
    "SimulatedAccount",
    "ready",
    "running",
    "serve",
]
