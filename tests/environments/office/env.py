"""An office whose tools share one state in memory, as simulated applications do."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, Literal

from pydantic import BaseModel

from hud import Environment
from hud.tools.types import EvaluationResult, SubScore

env = Environment(name="my_office", instructions="You are the assistant of a small office.")

Folder = Literal["inbox", "archive", "trash"]


class Mail(BaseModel):
    """A mail in one of the folders."""

    id: int
    sender: str
    subject: str
    folder: Folder = "inbox"
    labels: list[str] = []
    read: bool = False


class State:
    """Everything that the tools act on; a scenario begins by filling it anew."""

    def __init__(self) -> None:
        self.mails: dict[int, Mail] = {}
        self.events: dict[str, str] = {}
        self.notes: list[str] = []
        self.contacts: dict[str, str] = {}
        self.sent: list[dict[str, str]] = []


state = State()


def seed(senders: list[str]) -> None:
    """Begin anew, with one mail of each sender."""
    state.__init__()  # type: ignore[misc]  # the tools keep their reference
    for number, sender in enumerate(senders, start=1):
        state.mails[number] = Mail(id=number, sender=sender, subject=f"News {number}")
    print(f"Seeded {len(state.mails)} mails...")


def mail(mail_id: int) -> Mail:
    if mail_id not in state.mails:
        raise ValueError(f"there is no mail {mail_id}")
    return state.mails[mail_id]


@env.tool()
def list_mails(folder: Folder = "inbox") -> list[dict[str, Any]]:
    """The mails of a folder."""
    return [item.model_dump() for item in state.mails.values() if item.folder == folder]


@env.tool()
def read_mail(mail_id: int) -> dict[str, Any]:
    """Open a mail."""
    opened = mail(mail_id)
    opened.read = True
    return opened.model_dump()


@env.tool
def move_mail(mail_id: int, folder: Folder) -> None:
    """Move a mail to another folder."""
    mail(mail_id).folder = folder


@env.tool(name="label_mail", description="Put a label on a mail.")
def label(mail_id: int, name: str) -> list[str]:
    labels = mail(mail_id).labels
    labels.append(name)
    return labels


@env.tool()
def unlabel_mail(mail_id: int, name: str) -> list[str]:
    """Take a label off a mail."""
    mail(mail_id).labels.remove(name)
    return mail(mail_id).labels


@env.tool()
async def send_mail(to: str, subject: str, body: str = "") -> dict[str, str]:
    """Send a mail."""
    state.sent.append({"to": to, "subject": subject, "body": body})
    return state.sent[-1]


@env.tool()
def list_sent() -> list[dict[str, str]]:
    """What was sent."""
    return state.sent


@env.tool()
def search_mails(text: str) -> list[int]:
    """Ids of the mails whose sender or subject has the text."""
    wanted = text.lower()
    return [m.id for m in state.mails.values() if wanted in f"{m.sender} {m.subject}".lower()]


@env.tool()
def add_event(title: str, day: str) -> dict[str, str]:
    """Put something into the calendar."""
    state.events[title] = day
    return {title: day}


@env.tool()
def move_event(title: str, day: str) -> str:
    """Put an event on another day."""
    before, state.events[title] = state.events[title], day
    return before


@env.tool()
def remove_event(title: str) -> None:
    """Remove an event."""
    del state.events[title]


@env.tool()
def list_events() -> dict[str, str]:
    """The calendar."""
    return state.events


@env.tool()
def add_note(text: str) -> int:
    """Write a note; returns how many there are."""
    state.notes.append(text)
    return len(state.notes)


@env.tool()
def list_notes() -> list[str]:
    """All notes."""
    return state.notes


@env.tool()
def add_contact(name: str, address: str, note: str | None = None) -> dict[str, str | None]:
    """Remember somebody's address."""
    state.contacts[name] = address
    return {"name": name, "address": address, "note": note}


@env.tool()
def find_contact(name: str) -> str | None:
    """Somebody's address, if it is known."""
    return state.contacts.get(name)


@env.tool()
def reset_office() -> None:
    """Forget everything; not for agents."""
    seed([])


@env.scenario("triage", exclude_tools=["reset_*"])
async def triage(senders: list[str], vip: str) -> AsyncGenerator[Any, Any]:
    """Archive everything but the mails of one sender, and label those."""
    seed(senders)
    yield f"Archive all mails but those of {vip}, which get the label `vip`."
    kept = [item for item in state.mails.values() if item.sender == vip]
    rest = [item for item in state.mails.values() if item.sender != vip]
    archived = sum(item.folder == "archive" for item in rest) / len(rest) if rest else 1.0
    labelled = sum(item.labels == ["vip"] for item in kept) / len(kept) if kept else 1.0
    yield EvaluationResult(
        reward=0.5 * archived + 0.5 * labelled,
        done=True,
        content=f"{archived:.0%} archived, {labelled:.0%} labelled",
        info={"moved": [item.id for item in rest if item.folder == "archive"]},
        subscores=[
            SubScore(name="archived", weight=0.5, value=archived),
            SubScore(name="labelled", weight=0.5, value=labelled),
        ],
    )


@env.scenario("meeting")
async def meeting(title: str, day: str, guests: dict[str, str]) -> AsyncGenerator[Any, Any]:
    """Put a meeting into the calendar and invite everybody."""
    seed(list(guests))
    answer = yield f"Arrange `{title}` for {day}, invite {', '.join(guests)}, and say the day."
    if not answer or day not in answer:
        yield 0.0
        return
    invited = {item["to"] for item in state.sent}
    if state.events.get(title) != day:
        yield 0.25
        return
    yield 1.0 if invited == set(guests.values()) else 0.5
