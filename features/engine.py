"""Where facts and features are computed: DuckDB in this process, or Spark.

Both are spoken to alike (`features.spark` says how), and give the same values. DuckDB is the choice
until the events outgrow a machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Literal, cast

import duckdb
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator

Memory = Annotated[str, Field(pattern=r"^[1-9][0-9]*(MB|GB)$")]


class EngineSettings(BaseModel):
    """`name`: duckdb or spark. `master`: Spark's, such as `local[2]` or `spark://host:7077`; not
    read by DuckDB. `threads` and `memory_limit` (`8GB`): of this machine, null: all there is; on
    Spark the memory is the driver's, and the threads are those of a local master without a number.
    `config`: further settings of the engine, by their own names.

    >>> EngineSettings(name="spark", master="local", threads=2, memory_limit="4GB").spark
    ('local[2]', {'spark.driver.memory': '4g'})
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: Literal["duckdb", "spark"] = "duckdb"
    master: str = "local"
    threads: PositiveInt | None = None
    memory_limit: Memory | None = None
    config: dict[str, str | int | float | bool] = {}

    @model_validator(mode="after")
    def _states_threads_once(self) -> EngineSettings:
        if self.name == "spark" and self.threads is not None and self.master != "local":
            raise ValueError(
                f"engine.threads is {self.threads} and engine.master {self.master}: only the "
                "master `local` takes its threads from here, others state their own"
            )
        return self

    @property
    def duckdb(self) -> dict[str, str | int | float | bool | list[str]]:
        """What DuckDB is told.

        >>> EngineSettings(threads=2, memory_limit="4GB").duckdb
        {'threads': 2, 'memory_limit': '4GB'}
        """
        stated = {"threads": self.threads, "memory_limit": self.memory_limit}
        return {**self.config, **{key: value for key, value in stated.items() if value is not None}}

    @property
    def spark(self) -> tuple[str, dict[str, str | int | float | bool]]:
        """The master, and what Spark is told."""
        config = dict(self.config)
        if self.memory_limit is not None:
            config["spark.driver.memory"] = (
                f"{self.memory_limit[:-2]}{self.memory_limit[-2].lower()}"
            )
        threads = self.threads or "*"
        return (f"local[{threads}]" if self.master == "local" else self.master), config


@contextmanager
def connect(settings: EngineSettings) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a connection to the engine; raises SparkMissing where Spark cannot start.

    >>> with connect(EngineSettings(threads=1)) as con:
    ...     con.execute("SELECT current_setting('threads')").fetchone()
    (1,)
    """
    if settings.name == "duckdb":
        with duckdb.connect(config=settings.duckdb) as con:
            yield con
        return
    from features.spark import Spark  # pyspark is an extra, and begins a Java machine

    master, config = settings.spark
    with Spark(master, **config) as spark:
        yield cast(duckdb.DuckDBPyConnection, spark)  # the part of one that the project uses
