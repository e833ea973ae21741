"""Bytes and what is stored → Harvest: the pure half of a visit, in this process or in a worker, which loads no more."""
