"""The scoring engine: from texts to vectors, as fast as the machine allows and the same on all of them."""
