"""What a simulator may talk to: this machine only, unless somebody says otherwise."""

from __future__ import annotations

import ipaddress

from bot.errors import Mistake, SettingError
from bot.origins import hostname_of


def is_loopback(host: str) -> bool:
    """Whether a host name can only mean this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def checked_webhook(url: str, allow_remote: bool) -> str:
    """The address if pushes may go there. Raises SettingError for what is no address, or not this machine."""
    host = hostname_of(url)
    if not host or not url.startswith(("http://", "https://")):
        raise SettingError(Mistake("simulator", 0, "webhook", f"{url} is no address", "write http://127.0.0.1:..."))
    if not allow_remote and not is_loopback(host):
        mend = "simulate against this machine, or allow remote webhooks explicitly"
        raise SettingError(Mistake("simulator", 0, "webhook", f"{host} is not this machine", mend))
    return url


def checked_host(host: str, allow_remote: bool) -> str:
    """The address if a page without a login may be served there. Raises SettingError."""
    if not allow_remote and not is_loopback(host):
        mend = "listen on 127.0.0.1: the page has no login"
        raise SettingError(Mistake("simulator", 0, "host", f"{host} is not this machine", mend))
    return host
