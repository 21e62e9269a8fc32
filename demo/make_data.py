#!/usr/bin/env python3
"""make_data.py
		Make demo/data: half a year of taxi trips in a town that does not exist.

usage: make_data.py [DIRECTORY]        (default: data beside this script)

	zones.parquet      48 zones: name, district, position
	places.parquet     the same zones, nested: centre (a struct), neighbours (a list),
	                   fixed fares to some of them (a map)
	trips/year=2024/month=1 ... 6/trips.parquet    100,000 trips, sorted by pick-up time

Months 1 to 5 are zstd, 6 is snappy, as when somebody changed a writer's
settings on the way.  Row groups of 5,000 trips with a page index make pruning
visible.  Everything comes from one
seed: the same files on every machine with the versions pinned in
test/interop/requirements.txt.
"""

import datetime
import decimal
import math
import os
import random
import sys

import pyarrow as pa
import pyarrow.parquet as pq

SEED = 20240101
TRIPS = 100000
GROUP_ROWS, PAGE_ROWS = 5000, 1000
FIRST_DAY = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)
DAYS = 182                                              # to the end of June
CENT = decimal.Decimal(1).scaleb(-2)

DISTRICTS = ["Harbour", "Old Town", "Hill", "Mills", "Airport", "Lakeside"]
PLACES = ["Quay", "Market", "Tower", "Gardens", "Station", "Bridge", "Square", "Gate"]
VENDORS = ["Anchor Cabs", "Beacon", "City Wheels"]
VENDOR_SHARE = [50, 35, 15]
PAYMENTS = ["card", "cash", "app", "voucher"]
PAYMENT_SHARE = [58, 22, 18, 2]
# How much is going on in each hour of the day.
HOURS = [4, 2, 2, 1, 1, 2, 5, 10, 14, 11, 8, 8, 9, 9, 8, 9, 11, 14, 15, 13, 10, 9, 8, 6]


def zones(places):
    centre = places["centre"].combine_chunks()
    return places.select(["zone_id", "name", "district"]).append_column(
        "lat", centre.field("lat")).append_column("lon", centre.field("lon"))


def places():
    rng = random.Random(SEED)
    rows = []
    for z in range(len(DISTRICTS) * len(PLACES)):
        district = DISTRICTS[z // len(PLACES)]
        near = sorted({(z + d) % 48 + 1 for d in (-1, 1, 8)})
        rows.append({
            "zone_id": z + 1,
            "name": "%s %s" % (district, PLACES[z % len(PLACES)]),
            "district": district,
            "centre": {"lat": round(54 + z // 8 * 0.02 + rng.random() / 100, 5),
                       "lon": round(10 + z % 8 * 0.03 + rng.random() / 100, 5)},
            "neighbours": near,
            # Only the airport has fixed fares, to the first place of each district.
            "fixed_fares": [(d, decimal.Decimal(18 + 4 * i)) for i, d in enumerate(DISTRICTS)
                            if d != "Airport"] if district == "Airport" else None,
        })
    schema = pa.schema([
        pa.field("zone_id", pa.int16(), nullable=False), pa.field("name", pa.string(), nullable=False),
        ("district", pa.string()),
        ("centre", pa.struct([("lat", pa.float64()), ("lon", pa.float64())])),
        ("neighbours", pa.list_(pa.int16())),
        ("fixed_fares", pa.map_(pa.string(), pa.decimal128(7, 2)))])
    return pa.Table.from_pylist(rows, schema=schema)


def pick_up_times(rng):
    """Trips are denser in the rush hours, on Fridays and towards the summer."""
    weights = []
    for h in range(DAYS * 24):
        day = h // 24
        weekday = day % 7                               # 2024-01-01 was a Monday
        weights.append(HOURS[h % 24] * (1.3 if weekday == 4 else 0.8 if weekday == 6 else 1)
                       * (1 + day / 500))
    hours = rng.choices(range(DAYS * 24), weights, k=TRIPS)
    return sorted(h * 3600 + rng.randrange(3600) for h in hours)


def trips():
    """Columns as lists; seconds count from FIRST_DAY."""
    rng = random.Random(SEED + 1)
    out = {name: [] for name in ("picked_up", "minutes", "vendor", "pickup_zone",
                                 "dropoff_zone", "passengers", "distance_km", "payment", "fare",
                                 "tip", "shared")}
    popular = [1 + (z * 29 % 13) for z in range(48)]
    shift_vendor, left = VENDORS[0], 0
    for picked in pick_up_times(rng):
        if left == 0:                                   # dispatch hands out trips in batches
            shift_vendor, left = rng.choices(VENDORS, VENDOR_SHARE)[0], rng.randrange(5, 40)
        left -= 1
        start = rng.choices(range(1, 49), popular)[0]
        end = rng.choices(range(1, 49), popular)[0]
        apart = math.hypot((start - end) // 8, (start - end) % 8)
        distance = round(0.8 + apart * 1.1 + rng.expovariate(1.5), 1)
        minutes = 3 + distance * 2.4 * (1.5 if HOURS[picked // 3600 % 24] > 12 else 1)
        fare = decimal.Decimal(round((3.2 + 1.9 * distance) * 10)).scaleb(-1)
        payment = rng.choices(PAYMENTS, PAYMENT_SHARE)[0]
        tip = None
        if payment in ("card", "app"):
            tip = (fare * rng.choice([0, 0, 5, 10, 10, 10, 15, 20]) / 100).quantize(CENT)
        out["picked_up"].append(picked)
        out["minutes"].append(round(minutes))
        out["vendor"].append(shift_vendor)
        out["pickup_zone"].append(start)
        out["dropoff_zone"].append(end)
        out["passengers"].append(rng.choices([1, 2, 3, 4, None], [70, 16, 6, 5, 3])[0])
        out["distance_km"].append(distance)
        out["payment"].append(payment)
        out["fare"].append(fare.quantize(CENT))
        out["tip"].append(tip)
        out["shared"].append(rng.random() < 0.04)
    return out


def stamp(seconds):
    micros = int(FIRST_DAY.timestamp())
    return pa.array([(micros + s) * 1000000 for s in seconds],
                    pa.int64()).cast(pa.timestamp("us", "UTC"))


def month_table(columns, rows, first_id):
    take = {n: v[rows.start:rows.stop] for n, v in columns.items()}
    fields = [
        ("trip_id", pa.array(range(first_id, first_id + len(rows)), pa.int64()), False),
        ("picked_up", stamp(take["picked_up"]), False),
        ("minutes", pa.array(take["minutes"], pa.int16()), False),
        ("vendor", pa.array(take["vendor"]), False),
        ("pickup_zone", pa.array(take["pickup_zone"], pa.int16()), False),
        ("dropoff_zone", pa.array(take["dropoff_zone"], pa.int16()), False),
        ("passengers", pa.array(take["passengers"], pa.int16()), True),
        ("distance_km", pa.array(take["distance_km"], pa.float64()), False),
        ("payment", pa.array(take["payment"]), False),
        ("fare", pa.array(take["fare"], pa.decimal128(9, 2)), False),
        ("tip", pa.array(take["tip"], pa.decimal128(9, 2)), True),
        ("shared", pa.array(take["shared"]), False),
    ]
    return pa.Table.from_arrays([a for _, a, _ in fields],
                                schema=pa.schema([pa.field(n, a.type, nullable=null)
                                                  for n, a, null in fields]))


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    top = sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "data")
    os.makedirs(top, exist_ok=True)
    nested = places()
    for name, table in (("places", nested), ("zones", zones(nested))):
        pq.write_table(table, os.path.join(top, name + ".parquet"), store_schema=False,
                       compression="zstd", store_decimal_as_integer=True)
    columns = trips()
    bounds = [
    (datetime.datetime(
        2024,
        m,
        1,
        tzinfo=datetime.timezone.utc) -
        FIRST_DAY).total_seconds() for m in range(
            1,
             8)]
    start = 0
    for month in range(1, 7):
        end = start
        while end < TRIPS and columns["picked_up"][end] < bounds[month]:
            end += 1
        path = os.path.join(top, "trips", "year=2024", "month=%d" % month)
        os.makedirs(path, exist_ok=True)
        codec = {"compression": "zstd", "compression_level": 19} if month < 6 else \
            {"compression": "snappy"}
        pq.write_table(
            month_table(columns, range(start, end), 1000000 + start),
            os.path.join(path, "trips.parquet"), store_schema=False, store_decimal_as_integer=True,
            row_group_size=GROUP_ROWS, max_rows_per_page=PAGE_ROWS, write_batch_size=PAGE_ROWS,
            write_page_index=True, sorting_columns=[pq.SortingColumn(1)],
            use_dictionary=["minutes", "vendor", "pickup_zone", "dropoff_zone", "passengers",
                            "distance_km", "payment", "fare", "tip"], **codec)
        start = end


if __name__ == "__main__":
    main()
