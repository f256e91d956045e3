"""The dev loop: the gateway, the watcher, and the session that joins them."""
