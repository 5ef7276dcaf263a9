"""The command line `wasm-torch-web`: one command a file, loaded when it is asked for.

`main` turns every outcome into the contract's exit code and, with `--json`, its one object.
"""

from __future__ import annotations

import errno
import logging
import signal
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any, NoReturn

import click

from wasm_torch_web import __version__
from wasm_torch_web.console import Console
from wasm_torch_web.errors import InternalError, Kind, UserError, WtwError, summary

PROGRAM = "wasm-torch-web"
COMMANDS = (
    *("build", "optimize", "validate", "run", "bench", "profile", "inspect", "serve"),
    *("deploy", "bisect", "doctor"),
)
INTERRUPTED = 130
# What an operating system says of a path or a disk that the user has chosen.
PLACES = (
    *(errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.EACCES, errno.EPERM),
    *(errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EMFILE, errno.ENFILE),
)


class Commands(click.Group):
    """Imports a command's module only when that command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which a user meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command `command` of the module of that name."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"{__name__}.{cmd_name}").command
        return command


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=f"Start with: {PROGRAM} build model.pth --out pkg",
)
@click.version_option(__version__, prog_name=PROGRAM)
def group() -> None:
    """Turns a PyTorch model into an npm package that runs in any browser."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs the command line and exits."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # clean up as for Ctrl-C
    given = list(sys.argv[1:] if arguments is None else arguments)
    sys.exit(invoke(given))


def invoke(arguments: list[str]) -> int:
    """Runs the command line; returns the exit code."""
    console = Console(json="--json" in arguments)
    command = next((word for word in arguments if word in COMMANDS), "")
    try:
        with _quiet_libraries("--debug" in arguments):
            outcome = group.main(arguments, prog_name=PROGRAM, standalone_mode=False, obj=console)
    except (KeyboardInterrupt, click.Abort):
        return _fail(console, command, UserError("aborted"), INTERRUPTED)
    except WtwError as error:
        return _fail(console, command, error, error.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return Kind.USAGE.value
    except click.ClickException as error:
        wrong = _usage(error)
        return _fail(console, command, wrong, wrong.exit_code)
    except OSError as error:
        if error.errno not in PLACES:
            return _bug(console, command, error, arguments)
        reason = error.strerror or summary(error)
        failed = UserError("path-failed", path=error.filename or "what is written", reason=reason)
        return _fail(console, command, failed, failed.exit_code)
    except Exception as error:
        return _bug(console, command, error, arguments)
    return _finish(console, command, outcome)


@contextmanager
def _quiet_libraries(debug: bool) -> Iterator[None]:
    """What libraries log and warn of is not addressed to the user; `--debug` shows it."""
    with warnings.catch_warnings():
        if not debug:
            warnings.simplefilter("ignore")
            logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(logging.NOTSET)


def _finish(console: Console, command: str, outcome: Any) -> int:
    """`--help` and `--version` give click's exit code, commands their result for `--json`."""
    if isinstance(outcome, dict):
        console.envelope(command, {"result": outcome})
        return 0
    return int(outcome or 0)


def _fail(console: Console, command: str, error: WtwError, code: int) -> int:
    console.error(error)
    found = {} if error.result is None else {"result": error.result}
    console.envelope(command, {"error": {**error.told, "where": error.where}, **found})
    return code


def _bug(console: Console, command: str, error: Exception, arguments: list[str]) -> int:
    if "--debug" in arguments:
        traceback.print_exception(error)
    bug = InternalError("internal", reason=f"{type(error).__name__}: {error}")
    return _fail(console, command, bug, bug.exit_code)


def _usage(error: click.ClickException) -> UserError:
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else PROGRAM
    reason = error.format_message().rstrip(".")
    return UserError("usage", reason=reason[:1].lower() + reason[1:], command=command)
