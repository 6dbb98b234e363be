"""`renewcast`: the front door. A verb reads its arguments, calls a stage or a function, prints.

Results go to standard output, progress to standard error. Exit 0 is well, 1 an error, 2 bad input,
3 refused by a gate. Heavy modules are imported by the verb that needs them, so that `--help`
answers at once.
"""

from __future__ import annotations

import typer

from pipeline.refusal import in_sentences
from pipeline.verbs import (
    beginning,
    data,
    experimenting,
    forgetting,
    health,
    judging,
    learning,
    promoting,
    reproducing,
)

app = typer.Typer(
    name="renewcast",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="Which accounts will churn or expand at their next renewal, beside the health score.",
)
health_app = typer.Typer(no_args_is_help=True, help="The rule-based health score.")
app.add_typer(health_app, name="health")

VERBS = (
    beginning.init,
    data.simulate,
    data.ingest,
    data.validate,
    data.features,
    experimenting.train,
    learning.score,
    learning.explain,
    judging.settle,
    judging.verify,
    judging.holdout,
    experimenting.compare,
    judging.report,
    promoting.promote,
    reproducing.reproduce,
    forgetting.forget,
    learning.serve,
    learning.token,
)
for verb in VERBS:
    app.command()(verb)
health_app.command()(health.score)
health_app.command()(health.backtest)
health_app.command()(health.diff)


def main() -> None:
    """Run a verb; what is wrong is said in sentences: exit 2 for bad input, 3 where the gate
    found a leak, 1 for an error."""
    with in_sentences():
        app()


if __name__ == "__main__":
    main()
