"""What is done with bags after the recording: ``f2o bag info | check | recover | trim | merge | play | replay``.

in: rosbag2 folders with MCAP files, finished or cut off / out: verdicts, new bags, topics / rate: as recorded or scaled
Nothing here changes a bag: whatever writes, writes a new one.
"""
