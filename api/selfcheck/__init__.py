"""The self-check: a person in front of their own laptop, guided hands-free, and nothing leaves it."""

from api.selfcheck.routes import install

__all__ = ["install"]
