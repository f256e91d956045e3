from env import meeting, triage
from hud.types import MCPToolCall

vip_mails = triage.task(senders=["ann", "bob", "ann"], vip="ann")
vip_mails.slug = "vip-mails"
vip_mails.columns = {"area": "mail", "difficulty": 2}
vip_mails.validation = [
    MCPToolCall(name="move_mail", arguments={"mail_id": 2, "folder": "archive"}),
    MCPToolCall(name="label_mail", arguments={"mail_id": 1, "name": "vip"}),
    MCPToolCall(name="label_mail", arguments={"mail_id": 3, "name": "vip"}),
]

half_done = vip_mails.copy(slug="half-done", validation=vip_mails.validation[:1])

kickoff = meeting.task(title="Kick-off", day="Monday", guests={"cleo": "cleo@example.org"})
kickoff.slug = "kick-off"
kickoff.validation = [
    MCPToolCall(name="add_event", arguments={"title": "Kick-off", "day": "Monday"}),
    MCPToolCall(
        name="send_mail", arguments={"to": "cleo@example.org", "subject": "Kick-off on Monday"}
    ),
    MCPToolCall(name="submit", arguments={"answer": '{"day": "Monday"}'}),
]
