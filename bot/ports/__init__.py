"""Protocols between the pipeline and what can be replaced: channels, engines, skills, members, storage, redis."""
