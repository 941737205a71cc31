"""`make fuzz-bridge`: adversarial targets against the bridge, every command checked."""
