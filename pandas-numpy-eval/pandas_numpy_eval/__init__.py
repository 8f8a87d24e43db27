"""Python problems for pandas and NumPy, a sandbox that runs their tests, and pass@k."""
