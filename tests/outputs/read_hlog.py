"""Reads an HdrHistogram log with HdrHistogram's Python reader, and prints what is in it as JSON.

read_hlog.py FILE PERCENTILE...
"""

import json
import sys

from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

path, *percentiles = sys.argv[1:]
total = HdrHistogram(1, 3_600_000_000, 3)
reader = HistogramLogReader(path, total)
intervals = []
while (interval := reader.get_next_interval_histogram()) is not None:
    total.add(interval)
    intervals.append(
        {
            "tag": interval.get_tag(),
            "start_ms": interval.get_start_time_stamp(),
            "length_ms": interval.get_end_time_stamp() - interval.get_start_time_stamp(),
            "count": interval.get_total_count(),
            "max_us": interval.get_max_value(),
        }
    )
summary = {
    "intervals": intervals,
    "count": total.get_total_count(),
    "percentiles_us": [total.get_value_at_percentile(float(percent)) for percent in percentiles],
}
print(json.dumps(summary))
