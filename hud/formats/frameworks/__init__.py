"""Tools as objects of agent frameworks; `hud.formats.adapters` loads the one that is asked for."""
