"""The brand's member system, and how a customer becomes known as one of its members."""
