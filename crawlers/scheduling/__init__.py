"""Which request is next: fair between hosts, at the pace that each of them allows, and lost by no kill."""
