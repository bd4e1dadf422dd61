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

UTC = datetime.timezone.utc
MOMENT = datetime.datetime(2024, 1, 2, 3, 4, 0)

# Of each type a value, a null and a value at the edge.
MORE = pa.table({
    "float16": pa.array([0.1, None, -65504.0, float("nan")], pa.float16()),
    "int8": pa.array([-128, None, 127, 0], pa.int8()),
    "uint8": pa.array([255, None, 0, 128], pa.uint8()),
    "uint16": pa.array([65535, None, 0, 32768], pa.uint16()),
    "uint32": pa.array([2**32 - 1, None, 0, 2**31], pa.uint32()),
    "uint64": pa.array([2**64 - 1, None, 0, 2**63], pa.uint64()),
    "int64": pa.array([-2**63, None, 2**63 - 1, 0], pa.int64()),
    "decimal18": pa.array([decimal.Decimal(x) if x else None for x in ["-0.010", "", "12345678901234.567", "0.000"]],
                          pa.decimal128(18, 3)),
    "decimal38": pa.array([decimal.Decimal(x) if x else None for x in ["-1" + "0" * 30 + ".25", "", "0.01", "7.00"]],
                          pa.decimal128(38, 2)),
    "decimal76": pa.array([decimal.Decimal(x) if x else None for x in ["1" + "0" * 60, "", "-1", "0"]],
                          pa.decimal256(76, 0)),
    "date64": pa.array([datetime.date(1, 1, 1), None, datetime.date(9999, 12, 31), datetime.date(1970, 1, 1)], pa.date64()),
    "millis": pa.array([MOMENT, None, datetime.datetime(1900, 1, 1, 0, 0, 0, 1000), MOMENT], pa.timestamp("ms")),
    "nanos": pa.array([MOMENT, None, datetime.datetime(1950, 5, 5, 0, 0, 1), MOMENT], pa.timestamp("ns")),
    "zoned": pa.array([MOMENT.replace(tzinfo=UTC), None, datetime.datetime(1900, 1, 1, 0, 0, 1, tzinfo=UTC), None],
                      pa.timestamp("us", "UTC")),
    "time": pa.array([datetime.time(3, 4), None, datetime.time(23, 59, 59), datetime.time(0)], pa.time32("ms")),
    "long_text": pa.array(["é😀", None, "", "x" * 300], pa.large_string()),
    "fixed": pa.array([b"abcd", None, b"\0\0\0\0", b"wxyz"], pa.binary(4)),
    "nothing": pa.nulls(4),
    "structs": pa.array([[{"a": {"b": [{"c": 1}, {"c": None}]}}], None, [], [None, {"a": None}]],
                        pa.list_(pa.struct([("a", pa.struct([("b", pa.list_(pa.struct([("c", pa.int32())])))]))]))),
    "lists": pa.array([[[1, 2], []], None, [None], [[None]]], pa.list_(pa.list_(pa.float16()))),
    "sized": pa.array([[1.5, 2.5], None, [0.0, -1.0], [3.0, 4.0]], pa.list_(pa.float32(), 2)),
    "codes": pa.array(["aa", None, "ab", "aa"]).dictionary_encode(),
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
        whole = value.replace(tzinfo=None).isoformat(timespec="seconds")
        fraction = f".{value.microsecond:06d}".rstrip("0") if value.microsecond else ""
        return whole + fraction + ("Z" if value.tzinfo else "")
    if isinstance(value, datetime.time):
        return value.isoformat()
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
    write("more-types.parquet", MORE, compression="lz4")
    write("old-times.parquet", MORE.select(["millis", "nanos", "zoned"]), use_deprecated_int96_timestamps=True)
    write("encodings.parquet", MORE.select(["int64", "long_text", "sized", "float16", "fixed"]), use_dictionary=False,
          data_page_version="2.0", column_encoding={"int64": "DELTA_BINARY_PACKED", "long_text": "DELTA_BYTE_ARRAY",
          "sized.list.element": "BYTE_STREAM_SPLIT", "float16": "BYTE_STREAM_SPLIT", "fixed": "PLAIN"})
    pq.write_table(CHATS, HERE / "brotli.parquet", compression="brotli")
    # INT96 has no zone: the reader gives the time as it stands.
    for row in expected["old-times.parquet"]:
        row["zoned"] = row["zoned"] and row["zoned"].rstrip("Z")
    (HERE / "expected.json").write_text(json.dumps(expected, ensure_ascii=False, indent=1) + "\n")


main()
