"""Names of the tools with which a coding agent plays a scenario; hardly an author's."""

LIST, START, SUBMIT = "hud_scenario_list", "hud_scenario_start", "hud_scenario_submit"
PLAY_TOOLS = frozenset((LIST, START, SUBMIT))
