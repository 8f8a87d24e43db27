"""The steps between the programs: corpus, sketches, encoding, generation runs and the report."""
