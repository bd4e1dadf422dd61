"""Writes small Parquet files and, as expected.json, the rows that pyarrow 26 reads out of them.

    python make_parquet.py

Needs pyarrow and pandas. Objects within rows lack their null fields in expected.json, and values that JSON does not
have are written as the reader documents it: dates and times in ISO 8601, decimal numbers as text, NaN as null, bytes as
their number.
"""

import datetime
import decimal
import json
import math
import pathlib

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

HERE = pathlib.Path(__file__).parent

CHATS = pa.table({
    "messages": [
        [{"role": "user", "content": "Héllo 😀"}, {"role": "assistant", "content": None, "tool_calls": [
            {"type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}]}],
        [{"role": "user", "content": ""}],
        [],
        None,
    ],
    "text": ["a", "", None, "line\nbreak \"quoted\""],
    "label": [1, None, -1, 2**60],
})

TYPES = pa.table({
    "flag": [True, None, False],
    "small": pa.array([1, 2, None], pa.int8()),
    "unsigned": pa.array([2**63 + 1, None, 3], pa.uint64()),
    "half": pa.array([0.5, None, 1e10], pa.float32()),
    "score": [1.0, float("nan"), -0.25],
    "day": [datetime.date(2024, 2, 29), None, datetime.date(1969, 12, 31)],
    "moment": pa.array([datetime.datetime(2024, 1, 2, 3, 4, 5, 678000), None, None], pa.timestamp("us")),
    "price": pa.array([decimal.Decimal("12.50"), None, decimal.Decimal("-0.01")], pa.decimal128(9, 2)),
    "raw": pa.array([b"\x00\x01", None, b""], pa.binary()),
    "names": pa.array([["a", None], [], None], pa.list_(pa.string())),
    "by_name": pa.array([[("k", 1)], [], None], pa.map_(pa.string(), pa.int64())),
    "kind": pa.array(["x", "y", "x"]).dictionary_encode(),
})


def plain(value, nested=False):
    if isinstance(value, dict):
        items = {k: plain(v, True) for k, v in value.items()}
        return {k: v for k, v in items.items() if not nested or v is not None}
    if isinstance(value, list):
        if value and all(isinstance(v, tuple) for v in value):
            return {k: plain(v, True) for k, v in value}
        return [plain(v, True) for v in value]
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, datetime.datetime):
        return value.isoformat(timespec="milliseconds")
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return str(value)
    if isinstance(value, bytes):
        return {"bytes": len(value)}
    return value


def main():
    expected = {}

    def write(name, table, **options):
        pq.write_table(table, HERE / name, **options)
        rows = pq.read_table(HERE / name).to_pylist()
        expected[name] = [plain(row) for row in rows]

    for codec in ["none", "snappy", "gzip", "zstd"]:
        write(f"chats-{codec}.parquet", CHATS, compression=codec)
    write("groups.parquet", CHATS, row_group_size=2, data_page_version="2.0")
    write("plain-pages.parquet", CHATS, use_dictionary=False, compression="none")
    write("types.parquet", TYPES)
    # An empty map is an empty list to Python.
    expected["types.parquet"][1]["by_name"] = {}
    frame = pd.DataFrame({"text": ["a", "b", "c"], "label": ["x", None, "y"]}, index=["i", "j", "k"])
    frame.to_parquet(HERE / "pandas.parquet")
    expected["pandas.parquet"] = [plain(r) for r in pq.read_table(HERE / "pandas.parquet").to_pylist()]
    write("empty.parquet", CHATS.slice(0, 0))
    (HERE / "expected.json").write_text(json.dumps(expected, ensure_ascii=False, indent=1) + "\n")


main()
