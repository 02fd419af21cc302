"""The `frontier` command; each of its commands is a module of `scripts.commands`."""

from __future__ import annotations

import typer

from scripts.commands import (
    batches,
    bulk,
    circuits,
    doctor,
    health,
    infer,
    jobs,
    keys,
    listen,
    logs,
    models,
    probe,
    serve,
    submit,
    tenants,
    test_api,
    up,
    usage,
    version,
)

app = typer.Typer(
    help="A durable queue in front of language models.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(up.up)
app.command()(serve.serve)
app.command()(infer.infer)
app.command()(submit.submit)
app.command()(bulk.bulk)
app.add_typer(batches.app, name="batches")
app.add_typer(jobs.app, name="jobs")
app.add_typer(models.app, name="models")
app.add_typer(circuits.app, name="circuits")
app.add_typer(keys.app, name="keys")
app.command()(usage.usage)
app.add_typer(tenants.app, name="tenants")
app.command()(listen.listen)
app.command()(logs.logs)
app.command()(health.health)
app.command()(probe.probe)
app.command()(doctor.doctor)
app.command("test-api")(test_api.walk)
app.command()(version.version)


def main() -> None:
    app()


if __name__ == "__main__":
    main()
