"""Tasks of other kinds, turned into ours."""
