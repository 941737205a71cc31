"""The network: observation -> embedding (camera rate), embedding + joints + noise -> chunk (control rate)."""
