"""From recorded episodes to batches: store, bags, windows, normalisation, split."""
