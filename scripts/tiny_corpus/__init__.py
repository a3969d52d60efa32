"""The grammar behind data/tiny: a small English-French parallel corpus."""
