"""Simulated platforms: each acts as its original does towards a webhook or a client, on this machine."""
