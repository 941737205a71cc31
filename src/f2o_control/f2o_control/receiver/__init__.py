"""The udp path measured over a bad cable."""
