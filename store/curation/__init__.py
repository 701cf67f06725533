"""What is found out about records before people are asked: which of them are near-equal."""
