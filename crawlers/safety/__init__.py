"""Where no request of ours may go: addresses that are not global, bodies and walks without an end."""
