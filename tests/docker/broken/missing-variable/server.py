"""Needs a variable that nobody set."""

import os

TOKEN = os.environ["SHOP_TOKEN"]
