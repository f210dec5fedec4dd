"""An encoder of one's choice: any OpenAI-compatible embeddings endpoint."""

from bot.services.embeddings.client import EmbeddingsEncoder, Endpoint

__all__ = ["EmbeddingsEncoder", "Endpoint"]
