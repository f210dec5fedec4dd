"""Platforms to talk to without the platforms: each acts as its original does, on loopback, against any webhook."""
