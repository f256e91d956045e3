"""Tools, calls and results in the formats of model providers and agent frameworks."""
