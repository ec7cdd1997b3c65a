"""``voltgate application``: companies that want to join, and what becomes of them."""

from pathlib import Path
from typing import Annotated, Any

import typer

from core.audit.service import CLI
from core.joining import documents, review
from core.joining.states import ApplicationStatus
from core.joining.views import application_view, brief_view, errand_view, note_view
from core.kernel.db import Tx
from core.kernel.page import Page
from ops.cli.output import Json, fail, print_facts, print_json, print_rows, say
from ops.cli.running import Opened, run, transact

app = typer.Typer()

ApplicationId = Annotated[str, typer.Argument(metavar="APPLICATION", help="app_...")]


@app.command("list")
def list_applications(
    *,
    status: Annotated[
        ApplicationStatus | None, typer.Option(help="submitted: they wait for you.")
    ] = None,
    json: Json = False,
) -> None:
    """List applications, those that wait longest first.

    Example: voltgate application list --status submitted
    """

    async def work(tx: Tx, _: Opened) -> list[dict[str, Any]]:
        found = await review.list_applications(tx, Page(limit=200), status=status)
        return [brief_view(one) for one in found.rows]

    columns = ["id", "status", "legal_name", "country", "registration_number", "email_proven_at"]
    print_rows("Applications", [*columns, "created_at"], transact(work), as_json=json)


@app.command()
def show(application: ApplicationId, *, json: Json = False) -> None:
    """Show all that is known of an application: form, documents, evidence, notes, others alike.

    Example: voltgate application show app_01jd...
    """

    async def work(tx: Tx, _: Opened) -> dict[str, Any]:
        found = await review.dossier(tx, application)
        return {
            **application_view(found.application, found.documents),
            "notes": [note_view(note) for note in found.notes],
            "errands": [errand_view(errand) for errand in found.errands],
            "alike": [brief_view(other) for other in found.alike],
        }

    found = transact(work)
    if json:
        print_json(found)
        return
    attached, notes, errands, alike = (
        found.pop(part) for part in ("documents", "notes", "errands", "alike")
    )
    print_facts(_flat(found))
    print_rows("Documents", ["id", "kind", "name", "media_type", "size_bytes"], attached)
    print_rows("Mails, proofs and look-ups", ["subject", "status", "attempts", "result"], errands)
    print_rows("Notes", ["created_at", "author", "text"], notes)
    print_rows("Others alike", ["id", "status", "legal_name", "email"], alike)


@app.command()
def approve(
    application: ApplicationId,
    *,
    unproven: Annotated[
        bool, typer.Option("--unproven", help="Although its e-mail address is not proven.")
    ] = False,
    json: Json = False,
) -> None:
    """Let an applicant go live: it may claim its first live key with its status token.

    Examples:
        voltgate application approve app_01jd...

        voltgate application approve app_01jd... --unproven
    """

    async def work(tx: Tx, opened: Opened) -> dict[str, Any]:
        decided = await review.approve(tx, opened.vault, CLI, application, unproven=unproven)
        return brief_view(decided)

    decided = transact(work)
    print_facts(decided, as_json=json)
    if not json:
        say(f"[bold]next[/bold]  voltgate partner grant {decided['partner_id']} STATION --control")


@app.command()
def reject(
    application: ApplicationId,
    *,
    reason: Annotated[
        list[str], typer.Option(help="Told to the applicant; may be given several times.")
    ],
    json: Json = False,
) -> None:
    """Refuse an application with reasons; its test keys end.

    Example: voltgate application reject app_01jd... --reason "The company was dissolved in 2024."
    """

    async def work(tx: Tx, opened: Opened) -> dict[str, Any]:
        return brief_view(await review.reject(tx, opened.vault, CLI, application, reasons=reason))

    print_facts(transact(work), as_json=json)


@app.command()
def ask(
    application: ApplicationId,
    message: Annotated[str, typer.Argument(help="What is needed.")],
    *,
    field: Annotated[
        list[str] | None, typer.Option(help="What to change, as /company/legal_name.")
    ] = None,
    json: Json = False,
) -> None:
    """Ask an applicant for more; it hands its application in again.

    Example: voltgate application ask app_01jd... "Please upload this year's extract."
    """

    async def work(tx: Tx, opened: Opened) -> dict[str, Any]:
        asked = await review.ask(
            tx, opened.vault, CLI, application, message=message, fields=field or ()
        )
        return brief_view(asked)

    print_facts(transact(work), as_json=json)


@app.command()
def note(
    application: ApplicationId,
    text: Annotated[str, typer.Argument(help="For operators alone.")],
    *,
    json: Json = False,
) -> None:
    """Write something beside an application; the applicant never sees it.

    Example: voltgate application note app_01jd... "Called Ana, she sends the extract on Monday."
    """

    async def work(tx: Tx, _: Opened) -> dict[str, Any]:
        return note_view(await review.note(tx, CLI, application, text=text))

    print_facts(transact(work), as_json=json)


@app.command()
def look_up(application: ApplicationId, *, json: Json = False) -> None:
    """Ask the registry about the company again; a worker does it, show has the answer.

    Example: voltgate application look-up app_01jd...
    """

    async def work(tx: Tx, opened: Opened) -> dict[str, Any]:
        queued = await review.look_up(tx, opened.vault, opened.settings, CLI, application)
        return errand_view(queued)

    print_facts(transact(work), as_json=json)


@app.command()
def mails(application: ApplicationId, *, json: Json = False) -> None:
    """Show the mails that did not go out, with their links, to be handed over otherwise.

    Example: voltgate application mails app_01jd...
    """

    async def work(tx: Tx, opened: Opened) -> list[dict[str, Any]]:
        return await review.unsent_mails(tx, opened.vault, CLI, application)

    print_rows("Unsent mails", ["to", "subject", "text"], transact(work), as_json=json)


@app.command()
def document(
    application: ApplicationId,
    document_id: Annotated[str, typer.Argument(metavar="DOCUMENT", help="doc_...")],
    *,
    output: Annotated[
        Path | None, typer.Option(help="Where to write it; its own name if not given.")
    ] = None,
) -> None:
    """Save a document of an application; a file that exists is not overwritten.

    Example: voltgate application document app_01jd... doc_01jd... --output extract.pdf
    """

    async def work(opened: Opened) -> tuple[str, bytes]:
        async with opened.db.transaction() as tx:
            found = await documents.find(tx, application, document_id)
            content = await documents.content_of(opened.settings, found)
            await documents.note_reading(tx, CLI, found)
        return found.name, content

    name, content = run(work)
    path = output or Path(name)
    try:
        with path.open("xb") as file:
            file.write(content)
    except OSError as exc:
        raise fail(f"{path}: {exc.strerror}") from exc
    say(f"{len(content)} bytes in {path}")


def _flat(facts: dict[str, Any]) -> dict[str, Any]:
    """Return nested members as members of their own, for a table of two columns."""
    flat: dict[str, Any] = {}
    for name, value in facts.items():
        if isinstance(value, dict):
            flat |= {f"{name} {part}": inner for part, inner in _flat(value).items()}
        else:
            flat[name] = value
    return flat
