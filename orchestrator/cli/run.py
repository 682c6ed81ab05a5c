"""The command ``run``, the default: execute a sweep, or list its runs."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Sequence
from typing import Annotated, Any, Unpack, get_args, get_origin

import typer

from orchestrator.cli.command_group import check_meant_as_sweep
from orchestrator.cli.terminal import AsJson, Debug, errors_as_sentences, print_json, print_result
from orchestrator.common.commands import this_command
from orchestrator.plan.options import Option, Options, declared

EXIT_CODES = """Exit codes: 0 every run succeeded; 1 some failed, the rest is intact; 2 usage or
configuration error, nothing started; 130 interrupted, resumable."""


def with_options[**P, R](command: Callable[P, R]) -> Callable[P, R]:
    """Give a command the options of a sweep in place of its ``**options``, before the last few."""
    signature = inspect.signature(command, eval_str=True)
    own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    at = [parameter.name for parameter in own].index("multirun")
    options = [_parameter(name, kind, option) for name, (kind, option) in declared().items()]
    command.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*own[:at], *options, *own[at:]]
    )
    return command


def _parameter(name: str, kind: object, option: Option) -> inspect.Parameter:
    """Return an option of `declared` as typer takes it."""
    first = get_args(kind)[0]  # of a union with None, and for paths with Path
    spelled = option.flag or f"--{name.replace('_', '-')}"
    taken: Any = first
    if first is bool:
        declaration = typer.Option(spelled, help=option.help)
    else:
        taken = list[str] if get_origin(first) is Sequence else first
        declaration = typer.Option(
            spelled, metavar=option.metavar, show_default=False, help=option.help
        )
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=False if taken is bool else None,
        annotation=Annotated[taken if taken is bool else taken | None, declaration],
    )


@with_options
def run(
    context: typer.Context,
    sweep: Annotated[
        str,
        typer.Argument(
            metavar="SWEEP.yaml", help="The sweep file, or the name of one that ships: quickstart."
        ),
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="OVERRIDE",
            show_default=False,
            help="Overrides of recipe keys in Hydra's multirun grammar; they win over the sweep "
            "file's entry for the same key.",
        ),
    ] = None,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the runs; start nothing, write nothing.")
    ] = False,
    multirun: Annotated[
        bool,
        typer.Option(
            "--multirun", "-m", help="Accepted and without effect: a sweep always is a multirun."
        ),
    ] = False,
    as_json: AsJson = False,
    debug: Debug = False,
    **options: Unpack[Options],
) -> None:
    """Execute a sweep; the default command."""
    del multirun
    with errors_as_sentences(debug=debug):
        check_meant_as_sweep(sweep, _commands(context))

        from orchestrator.plan.checking import expand
        from orchestrator.plan.loading import load_sweep

        loaded = load_sweep(sweep, overrides or (), command_line=True, **_given(options))
        runs = expand(loaded)
        if dry_run:
            from orchestrator.execution.dry_run import listed, recorded

            found = recorded(loaded, runs)
            for line in listed(runs):
                typer.echo(line)
            print_result(found, as_json=False)
            if as_json:
                content = {"sweep": loaded.name, "output": loaded.output, "runs": len(runs)}
                print_json(content | {"recorded": found.as_json()})
            return
        from orchestrator.execution.launch import run_sweep
        from orchestrator.execution.summary import Commands

        commands = Commands(resume=this_command(), retry=this_command("--retry-failed"))
        summary = run_sweep(loaded, runs, progress="auto", commands=commands, handle_signals=True)
        print_result(summary, as_json=as_json)
    raise typer.Exit(summary.exit_code)


def _given(options: Options) -> Options:
    """Return the options that were given; a flag that was is the opposite of what it is called."""
    given: dict[str, Any] = {}
    for name, value in options.items():
        if value is not None and value is not False:
            flag = declared()[name][1].flag
            given[name] = value if flag is None else False
    return given  # type: ignore[return-value]


def _commands(context: typer.Context) -> Collection[str]:
    group: Any = context.find_root().command
    return list(group.commands)
