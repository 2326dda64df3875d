"""The clinic's pages: server-rendered, with plain ES modules that send forms to the API. They hold no rule."""

from api.clinic.pages import install

__all__ = ["install"]
