"""How good a policy is: closed-loop episodes over paired seeds, and mode coverage on recorded observations."""
