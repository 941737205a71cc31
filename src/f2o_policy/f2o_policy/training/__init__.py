"""Teacher, teacher sets, student: three scripts on one training loop."""
