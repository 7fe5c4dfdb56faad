"""`streamproc schemas`: write the contracts' documents, or check that they are up to date."""

import sys
from pathlib import Path

import click

from streamproc.cli import reference
from streamproc.contracts import tables
from streamproc.contracts.export import documents
from streamproc.errors import StreamprocError

#: The pages of docs/ with generated parts, and what makes these.
_DOCS = {
    "events.md": tables.PARTS,
    "signals.md": tables.PARTS,
    "metrics.md": reference.PARTS,
    "features.md": reference.PARTS,
}


@click.command("schemas")
@click.option("--check", is_flag=True, help="Change nothing; exit 1 if a file is not up to date.")
@click.option(
    "--root",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path(),
    help="The directory that holds schemas/ and docs/.  [default: here]",
)
def schemas_command(check: bool, root: Path) -> None:
    """Write the JSON Schemas and the AsyncAPI document, and the generated parts of docs/."""
    wanted = {root / "schemas" / name: text for name, text in documents().items()}
    for name, parts in _DOCS.items():
        path = root / "docs" / name
        if path.exists():
            wanted[path] = tables.fill(path.read_text(encoding="utf-8"), parts)
    stale = [path for path, text in wanted.items() if not _holds(path, text)]
    strangers = sorted({*(root / "schemas").glob("*")} - set(wanted))
    if check:
        _report(stale, strangers, len(wanted))
        return
    if not (root / "schemas").is_dir():
        raise StreamprocError(
            f"there is no directory {root / 'schemas'}",
            fix="run this in a checkout of streamproc, or name one with --root; an empty schemas/ will do",
        )
    for path in stale:
        try:
            path.write_text(wanted[path], encoding="utf-8")
        except OSError as error:
            raise StreamprocError(
                f"{path} cannot be written: {error.strerror}",
                fix="make it writable, or choose another --root",
            ) from error
        click.echo(f"wrote {path}")
    for path in strangers:
        click.echo(f"{path} is not generated; remove it", err=True)
    click.echo(f"{len(stale)} of {len(wanted)} files changed")


def _holds(path: Path, text: str) -> bool:
    return path.exists() and path.read_text(encoding="utf-8") == text


def _report(stale: list[Path], strangers: list[Path], wanted: int) -> None:
    """Say what is wrong, and exit 1 if anything is."""
    for path in stale:
        click.echo(f"{path} {'is not up to date' if path.exists() else 'is missing'}", err=True)
    for path in strangers:
        click.echo(f"{path} is not generated; remove it", err=True)
    if stale or strangers:
        click.echo("fix: run `streamproc schemas` and commit what it writes", err=True)
        sys.exit(1)
    click.echo(f"{wanted} files are up to date")
