"""The original's executor over PyAutoGUI."""

from hud.tools.left_out import left_out

raise left_out("hud.tools.executors.pyautogui", "use XDOExecutor on an X display")
