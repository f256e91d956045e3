"""What can be examined: images, modules of this machine, servers at a URL."""
