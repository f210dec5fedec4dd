"""The phone-like page on which a person chats as several followers."""
