from env import env
from hud.types import MCPToolCall

copied = env("look", words="hello")
copied.slug = "copied"
copied.validation = [
    MCPToolCall(name="anthropic_computer", arguments={"action": "screenshot"}),
    MCPToolCall(
        name="anthropic_computer", arguments={"action": "left_click", "coordinate": [5, 5]}
    ),
    MCPToolCall(name="openai_computer", arguments={"type": "screenshot"}),
    MCPToolCall(name="clipboard", arguments={"text": "hello"}),
    MCPToolCall(name="submit", arguments={"answer": "hello"}),
]
only_said = copied.copy(slug="only-said", validation=copied.validation[-1:])
