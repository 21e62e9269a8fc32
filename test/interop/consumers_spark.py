"""Spark Structured Streaming reads flat and merges it: what it has goes to files of canonical rows.

usage: consumers_spark.py BOOTSTRAP JARS OUT TABLE...
"""
import glob
import os
import sys
import time

from pyspark.sql import SparkSession, Window
from pyspark.sql import functions as F

from consumers_table import COLUMNS, NAMES, canon, dump

bootstrap, jars, out, *tables = sys.argv[1:]
spark = (SparkSession.builder.master("local[1]")
         .config("spark.jars", ",".join(glob.glob(jars + "/*.jar")))
         .config("spark.driver.memory", "768m").config("spark.ui.enabled", "false")
         .config("spark.sql.shuffle.partitions", "1").config("spark.sql.session.timeZone", "UTC")
         .config("spark.driver.bindAddress", "127.0.0.1").config("spark.driver.host", "127.0.0.1")
         .getOrCreate())
spark.sparkContext.setLogLevel("ERROR")
SCHEMA = ", ".join(f"{c[0]} {c[4]}" for c in COLUMNS) + ", __op string, __lsn bigint, __seq bigint, __unchanged array<string>"
REST = [n for n in NAMES if n != "id"]


def merge(table):
    """A function for foreachBatch: the state is a directory for each batch, so that a repeated one changes nothing."""
    def merged(batch, number):
        old = f"{out}/state_{table}/{number - 1}"
        rows = batch.where(F.col("__op").isin("c", "u", "d", "r"))
        if os.path.exists(old):
            rows = rows.unionByName(spark.read.parquet(old), allowMissingColumns=True)
        # the last value that is known: one that an update did not touch is that of the row before
        order = Window.partitionBy("id").orderBy("__lsn", "__seq", F.col("__op") != "d")
        for name in REST:
            known = ~F.array_contains(F.coalesce("__unchanged", F.array()), name)
            rows = rows.withColumn("@" + name, F.last(F.when(known, F.struct(F.col(name).alias("v"))), ignorenulls=True).over(order))
        last = F.row_number().over(Window.partitionBy("id").orderBy(F.desc("__lsn"), F.desc("__seq"), F.col("__op") == "d"))
        rows = rows.withColumn("#", last).where("`#` = 1 AND __op <> 'd'")
        rows.select("id", *[F.col(f"@{n}.v").alias(n) for n in REST], "__op", "__lsn", "__seq").write.mode("overwrite").parquet(f"{out}/state_{table}/{number}")
        merged.last = number
    return merged


queries = {}
for table in tables:
    source = (spark.readStream.format("kafka").option("kafka.bootstrap.servers", bootstrap)
              .option("subscribe", f"fl.lake.public.{table}").option("startingOffsets", "earliest")
              .option("kafka.isolation.level", "read_committed").option("maxOffsetsPerTrigger", 200).load())
    rows = source.select(F.from_json(F.col("value").cast("string"), SCHEMA, {"mode": "FAILFAST"}).alias("r")).select("r.*")
    fold = merge(table)
    queries[table] = fold, rows.writeStream.foreachBatch(fold).option("checkpointLocation", f"{out}/checkpoint_{table}").start()
for fold, query in queries.values():
    query.processAllAvailable()
    fold.first = fold.last
# they wait for more, which the driver has written now
open(out + "/caught_up", "w").close()
while not os.path.exists(out + "/delivered") and all(query.isActive for _, query in queries.values()):
    time.sleep(0.2)
for table, (fold, query) in queries.items():
    query.processAllAvailable()
    query.stop()
    state = spark.read.parquet(f"{out}/state_{table}/{fold.last}").select(*NAMES).collect()
    print(f"spark {spark.version}: {table}: {fold.first + 1} batches and {fold.last - fold.first} when more came leave {len(state)} rows", flush=True)
    dump(f"{out}/flat_{table}", [[canon(n, v) for n, v in zip(NAMES, row)] for row in state])
spark.stop()
