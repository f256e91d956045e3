"""One file for each resource of the HTTP API; handlers translate, and services do the work."""
