"""The two model calls of an agent rollout with the `openai` package alone: `bare_client.py
BASE_URL`.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import openai
from on_demand import at_a_time, serve

TEXT = {"type": "string"}
TOOL: Any = {
    "type": "function",
    "function": {
        "name": "count_letter",
        "description": "Count occurrences of a letter in text.",
        "parameters": {
            "type": "object",
            "properties": {"text": TEXT, "letter": TEXT},
            "required": ["text", "letter"],
        },
    },
}


async def converse(client: openai.AsyncOpenAI) -> None:
    """Ask, say what the tool returned, and read the answer."""
    messages: list[Any] = [{"role": "user", "content": "How many 'r' in 'strawberry'?"}]
    asked = await client.chat.completions.create(model="instant", messages=messages, tools=[TOOL])
    message = asked.choices[0].message
    assert message.tool_calls
    messages.append(message.model_dump(exclude_none=True))
    messages.append({"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "3"})
    answered = await client.chat.completions.create(
        model="instant", messages=messages, tools=[TOOL]
    )
    assert "3" in (answered.choices[0].message.content or "")


async def main(base_url: str) -> None:
    """Serve until standard input ends."""
    async with openai.AsyncOpenAI(api_key="none", base_url=base_url) as client:

        async def batch(count: int, concurrency: int) -> None:
            await at_a_time(lambda: converse(client), count, concurrency)

        await serve(batch)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
