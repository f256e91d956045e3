"""Would serve, if the command named it."""

print("never run")
