"""docs/api.md: every operation of the API with a command to try it, and every problem."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from scripts.api_reference.curl import curls, variable
from scripts.api_reference.fields import field_rows, kind, meaning, refused_fields
from scripts.api_reference.json_text import json_text
from scripts.api_reference.openapi_document import JSON, Answer, Document, Operation

_HEAD = """\
# The HTTP API, call by call

<!-- Written by `make docs-api` out of the API's own OpenAPI document; change that, not this page. -->

What the calls are for, and what they have in common, stands in [Using the API](guide.md). The same document is served by a running system, as a page to try things on at `/docs` and as OpenAPI 3.1 at `/openapi.json`.

Every command works against a `frontier up` on this machine, that of embeddings once [a model that embeds](operations.md#models-that-embed) is configured as `vectors`. Set the key once (its path stands in the table that `frontier up` prints), and what a command is about:

```sh
KEY=$(cat ~/.local/share/frontier/token)
MODEL=shakespeare
CIRCUIT=model:shakespeare
JOB_ID=job_…
RESPONSE_ID=resp_…
WEBHOOK_ENDPOINT_ID=we_…
DELIVERY_ID=dlv_…
KEY_ID=key_…
TENANT=acme
FILE_ID=file-…
BATCH_ID=batch_…
```
"""  # noqa: E501 - a line of the page
_PROBLEMS = """\
Every error is an `application/problem+json` document, whose `type` is one of these addresses; [Problems](guide.md#problems) tells how to read it. *Retry* says whether the same request may succeed later, as it is."""  # noqa: E501


def page(document: Document) -> str:
    """The whole page, in Markdown; the same document makes the same page."""
    groups = [(tag, list(document.operations(tag["name"]))) for tag in document.tags]
    parts = [_HEAD.rstrip(), _contents([operation for _, operations in groups for operation in operations])]
    shown: dict[str, Operation] = {}
    for tag, operations in groups:
        parts += [f"## {_title(tag['name'])}", f"{tag['description']}."]
        for operation in operations:
            parts += _section(document, operation, shown)
    parts += ["## Problems", _PROBLEMS, _problem_table(document)]
    return "\n\n".join(parts) + "\n"


def _title(tag: str) -> str:
    return (tag[0].upper() + tag[1:]).replace("-", " ")


def _contents(operations: Sequence[Operation]) -> str:
    rows = [(f"`{one.method} {one.path}`", f"[{one.summary}](#{one.id})") for one in operations]
    return _table(("call", "does"), rows)


def _section(document: Document, operation: Operation, shown: dict[str, Operation]) -> Iterator[str]:
    rows: list[tuple[str, ...]]
    yield f'<a id="{operation.id}"></a>\n\n### {operation.summary}'
    scope = operation.needs if operation.needs.endswith("key") else f"a key with the scope `{operation.needs}`"
    counts = f", counts as `{operation.counted_as}`" if operation.counted_as else ""
    yield f"`{operation.method} {operation.path}`, needs {scope}{counts}"
    if operation.description:
        yield operation.description
    for command in curls(operation):
        yield f"```sh\n{command}\n```"
    if operation.parameters:
        rows = [_parameter(document, one) for one in operation.parameters]
        yield _table(("parameter", "in", "form", "meaning"), rows)
    if operation.body is not None:
        rows = [(f"`{path}`", form, told) for path, form, told in field_rows(document, operation.body)]
        yield _table(("field", "form", "meaning"), rows)
        if refused := list(refused_fields(document, operation.body)):
            yield f"Not supported, and refused unless null: {_listed(refused, ', ')}."
    yield _table(("answer", "meaning", "headers"), [_answer(one) for one in operation.answers])
    if operation.problems:
        yield f"Problems: {', '.join(map(str, operation.problems))}. [What they are](#problems)"
    yield from _examples(operation, shown)


def _parameter(document: Document, parameter: Any) -> tuple[str, ...]:
    name, schema = parameter["name"], document.resolve(parameter.get("schema"))
    is_in_path = parameter["in"] == "path"
    told = f"`${variable(name)}` in the command" if is_in_path and "description" not in parameter else ""
    told = told or meaning(parameter, schema, is_required=parameter.get("required", False) and not is_in_path)
    return f"`{name}`", parameter["in"], "" if is_in_path else kind(document, schema), told


def _answer(answer: Answer) -> tuple[str, ...]:
    forms = "" if answer.media_types in {(), (JSON,)} else _listed(answer.media_types, " or ")
    return str(answer.status), "; ".join(filter(None, (answer.meaning, forms))), _listed(answer.headers, ", ")


def _listed(names: Sequence[str], between: str) -> str:
    return between.join(f"`{name}`" for name in names)


def _examples(operation: Operation, shown: dict[str, Operation]) -> Iterator[str]:
    """The ordinary answer, or the first that has an example; one that was shown before is linked."""
    for answer in sorted(operation.answers, key=lambda one: not one.is_ordinary):
        if answer.example is None:
            continue
        text = answer.example if isinstance(answer.example, str) else json_text(answer.example)
        if first := shown.get(text):
            yield f"Such as the {answer.status} of [{first.summary}](#{first.id})."
        else:
            shown[text] = operation
            language = "" if isinstance(answer.example, str) else "json"
            yield f"{answer.status}, such as\n\n```{language}\n{text.rstrip()}\n```"
        return


def _problem_table(document: Document) -> str:
    rows = [
        (f"`{one['slug']}`", str(one["status"]), "yes" if one["retryable"] else "no", one["title"])
        for one in document.problems
    ]
    return _table(("`/problems/…`", "status", "retry", "meaning"), rows)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    used = [index for index, _ in enumerate(columns) if any(row[index] for row in rows)]
    lines = [columns, *rows]
    head, *rest = ["| " + " | ".join(_cell(line[index]) for index in used) + " |" for line in lines]
    return "\n".join((head, "|" + "---|" * len(used), *rest))


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
