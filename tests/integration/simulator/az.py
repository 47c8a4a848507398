"""Runs commands of azure-cli in one process, since its start takes a second or two.

Reads lines from standard input, each a JSON array of arguments; writes a line for each: {"code", "result", "error"}.
"""

import io
import json
import logging
import sys

from azure.cli.core import get_default_cli


def run(arguments):
    output = io.StringIO()
    told = io.StringIO()
    handler = logging.StreamHandler(told)
    handler.setLevel(logging.ERROR)
    logging.getLogger().addHandler(handler)
    logging.getLogger("cli").addHandler(handler)
    cli = get_default_cli()
    try:
        code = cli.invoke(arguments, out_file=output)
    except SystemExit as stop:
        code = stop.code
    finally:
        logging.getLogger().removeHandler(handler)
        logging.getLogger("cli").removeHandler(handler)
    text = output.getvalue().strip()
    error = cli.result.error if cli.result is not None else None
    return {"code": code, "result": json.loads(text) if text else None, "error": f"{error or ''} {told.getvalue()}"[:1000]}


def main():
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        answers.write(json.dumps(run(json.loads(line) + ["--output", "json"])) + "\n")
        answers.flush()


main()
