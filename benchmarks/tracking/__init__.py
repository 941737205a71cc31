"""How closely demonstrations pass through the bridge."""
