"""Intent classifier: sentence embeddings and n-grams under a linear head, with calibrated confidence."""
