"""Rasa 3.6 as a service of its own: a client of its HTTP API, the workshop that makes its models, and the school.

What only training needs (`school`) is not loaded with it.
"""

from bot.services.rasa.client import RasaClient, Service, engine_on
from bot.services.rasa.workshop import PROGRAM, Workshop, environment

__all__ = ["PROGRAM", "RasaClient", "Service", "Workshop", "engine_on", "environment"]
