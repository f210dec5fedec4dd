"""Hostile requests, honest traffic, and the responses of a running Yingda to both."""
