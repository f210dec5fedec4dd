"""Hostile requests, honest traffic beside them, and what a running Yingda makes of both."""
