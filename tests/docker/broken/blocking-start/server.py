"""Waits for something that never comes before it would serve."""

import threading

threading.Event().wait()
