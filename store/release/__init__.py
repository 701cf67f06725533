"""Releases: a snapshot with its card, as a folder of Parquet files that answers for every row, and where it goes.

`build.build_release` makes the folder; `folder.publish_to_folder` and `hub.publish_to_hub` put it where others find it;
`store.releases` remembers where that was.
"""
