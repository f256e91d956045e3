"""The dev loop: the gateway in front of an environment, the watcher and the session that join them."""
