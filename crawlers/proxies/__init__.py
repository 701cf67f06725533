"""Proxies that requests leave through: rotation, health, credentials from the environment."""
