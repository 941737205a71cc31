"""Episodes as bags: one discovery, one reader, one writer; ``f2o bag info | check | recover | trim | merge | play``.

in: rosbag2 folders with MCAP or sqlite3 files, finished or truncated / out: verdicts, new bags, topics / rate: as
recorded or scaled. Nothing here changes a bag: every tool that writes, writes a new one.
"""
