"""Teacher, teacher sets, student: three flat scripts on one small loop."""
