#!/usr/bin/env python3
"""Writes the MSFT rows of vega_datasets' stocks.csv as date,price (ISO dates, two digits). Does nothing the second time.

usage: extract.py [OUTPUT]        by default build/demo/msft.csv in the repository
"""
import csv
import io
import subprocess
import sys
import tempfile
import zipfile
from datetime import datetime
from decimal import Decimal
from pathlib import Path

HERE = Path(__file__).resolve().parent
DEFAULT_OUTPUT = HERE.parents[2] / "build" / "demo" / "msft.csv"
EXPECTED_ROWS = 123


def fetch_stocks() -> str:
    """The text of stocks.csv, out of a wheel whose hash pip has checked."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
             "--require-hashes", "--only-binary=:all:", "-d", folder, "-r", str(HERE / "requirements.txt")],
            check=True)
        (wheel,) = Path(folder).glob("vega_datasets-*.whl")
        with zipfile.ZipFile(wheel) as archive:
            return archive.read("vega_datasets/_data/stocks.csv").decode()


def msft_rows(text: str) -> list[tuple[str, str]]:
    rows = [(datetime.strptime(row["date"], "%b %d %Y").date().isoformat(), f"{Decimal(row['price']):.2f}")
            for row in csv.DictReader(io.StringIO(text)) if row["symbol"] == "MSFT"]
    rows.sort()
    if len(rows) != EXPECTED_ROWS:
        raise SystemExit(f"expected {EXPECTED_ROWS} MSFT rows in stocks.csv, found {len(rows)}")
    return rows


def main() -> None:
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_OUTPUT
    if output.exists():
        return
    rows = msft_rows(fetch_stocks())
    output.parent.mkdir(parents=True, exist_ok=True)
    partial = output.with_suffix(".partial")
    partial.write_text("date,price\n" + "".join(f"{date},{price}\n" for date, price in rows))
    partial.rename(output)


if __name__ == "__main__":
    main()
