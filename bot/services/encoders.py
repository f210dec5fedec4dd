"""The encoder of one's choice, as it is configured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.config import OwnEncoder

if TYPE_CHECKING:
    from bot.intents.understanding.both import Both
    from bot.services.embeddings import EmbeddingsEncoder


def own_encoder(settings: OwnEncoder, time_limit: float | None = None) -> Both | EmbeddingsEncoder:
    """Any kind but `bundled`. time_limit: seconds for what it is asked at once; None while training."""
    if settings.kind == "both":
        from bot.intents.understanding.both import Both

        return Both(time_limit)
    from bot.services.embeddings import EmbeddingsEncoder, Endpoint

    return EmbeddingsEncoder(Endpoint.of(settings, time_limit or settings.training_limit))
