"""The brand's member system, and verifying which member a customer is."""
