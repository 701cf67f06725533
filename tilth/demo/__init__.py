"""The demo: a small website shipped with tilth, and the whole job done on it by simulated annotators."""
