"""The browser side of web chats: the HTTP interface for visitors, the event stream, the widget and its page."""

from bot.web.webchat.app import WebchatApp, WebchatDeps

__all__ = ["WebchatApp", "WebchatDeps"]
