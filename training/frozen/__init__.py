"""Rungs on frozen vectors: which view of the encoder, which heads on it, and how what they say is put together."""
