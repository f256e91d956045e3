from env import REPO, env
from hud.eval.task import Task
from hud.types import MCPToolCall

REPAIR = MCPToolCall(
    name="edit",
    arguments={
        "command": "str_replace",
        "path": f"{REPO}/shapes.py",
        "old_str": "width + height",
        "new_str": "width * height",
    },
)
TELL = MCPToolCall(name="bash", arguments={"command": f"echo 'area multiplies' >> {REPO}/README"})
RUBBLE = MCPToolCall(name="bash", arguments={"command": f"cd {REPO} && touch rubble.txt; pwd"})

tasks = [
    Task(env=env, scenario="repair", args={}, slug="golden", validation=[REPAIR, TELL]),
    Task(env=env, scenario="repair", args={"hint": True}, slug="untold", validation=[REPAIR]),
    Task(
        env=env,
        scenario="repair",
        args={},
        slug="untidy",
        validation=[REPAIR, TELL, RUBBLE],
        metadata={"author": "us"},
    ),
    env("leave-a-note", text="done").copy(
        slug="note",
        validation=[MCPToolCall(name="bash", arguments={"command": f"echo no > {REPO}/note.txt"})],
    ),
]
