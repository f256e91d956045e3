"""Loads more than it may hold."""

rows = []
while True:
    rows.append(bytearray(1_000_000))
