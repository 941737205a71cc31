"""What the bridge's process costs at 125 Hz."""
