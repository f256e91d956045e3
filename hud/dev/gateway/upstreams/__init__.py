"""What stands behind the gateway, and how to talk with it."""
