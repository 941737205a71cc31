"""What commitment is worth: how an arm moves that changes its mind at every plan, and one that does not."""
