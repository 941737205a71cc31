"""Mode coverage and held-out errors on recorded observations, and statistics of success rates."""
