"""The udp path as real processes over a bad cable."""
