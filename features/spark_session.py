"""How a Spark session begins here: settings that keep its values DuckDB's, and a quiet machine."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ALWAYS = {
    "spark.sql.ansi.enabled": "true",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    "spark.sql.decimalOperations.allowPrecisionLoss": "false",
    "spark.sql.caseSensitive": "false",
    "spark.sql.parquet.compression.codec": "zstd",
}
"""What makes Spark's values DuckDB's: not to be configured otherwise."""

USUAL = {
    "spark.app.name": "renewcast",
    "spark.sql.adaptive.enabled": "true",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.cleaner.referenceTracking.cleanCheckpoints": "true",
    "spark.sql.debug.maxToStringFields": "25",
}
LOCAL = {
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.sql.shuffle.partitions": "4",
}
"""For a master on this machine: nothing listens to the network, and little is shuffled."""

LOG = "log4j2.properties"
QUIET = """
rootLogger.level = error
rootLogger.appenderRef.stderr.ref = stderr
logger.shell.name = org.apache.spark.api.python.PythonGatewayServer
logger.shell.level = error
appender.stderr.type = Console
appender.stderr.name = stderr
appender.stderr.target = SYSTEM_ERR
appender.stderr.layout.type = PatternLayout
appender.stderr.layout.pattern = %p %c{1}: %m%n%ex
"""
"""What Spark's own log says: errors."""


class SparkMissing(RuntimeError):
    """Spark cannot start here: Java or pyspark is not there, or the session is another's."""


def session(master: str, config: Mapping[str, object], scratch: Path) -> tuple[bool, SparkSession]:
    """Begin a session, or join the one that lives; whether it was begun."""
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        raise SparkMissing("pyspark is not installed: install renewcast[spark]") from None
    living = SparkSession.getActiveSession()
    if living is not None:
        if living.sparkContext.master != master:
            raise SparkMissing(
                f"a Spark session lives here already, on {living.sparkContext.master}: stop it, or "
                "give that as the master"
            )
        session = living.newSession()
        for key, value in {**ALWAYS, **config}.items():
            session.conf.set(key, str(value))
        return False, session
    java = Path(os.environ.get("JAVA_HOME", ""), "bin", "java")
    if not shutil.which("java") and not java.is_file():
        raise SparkMissing("there is no Java: install one of 17 or 21, or set JAVA_HOME")
    local = master.split("[")[0] == "local"
    places = {"spark.sql.warehouse.dir": str(scratch / "warehouse")}
    if local:
        (scratch / LOG).write_text(QUIET, "utf-8")
        places |= {
            "spark.local.dir": str(scratch),
            "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={scratch / LOG}",
        }
        os.environ.setdefault("SPARK_LOCAL_IP", LOCAL["spark.driver.bindAddress"])
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.master(master)
    for key, value in {**USUAL, **(LOCAL if local else {}), **places, **config, **ALWAYS}.items():
        builder = builder.config(key, str(value))
    return True, builder.getOrCreate()
