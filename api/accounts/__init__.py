"""Accounts of a clinic: passwords, sessions, keys and one-time links. Tokens are kept as hashes alone."""
