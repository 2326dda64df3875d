"""Who asks, and what they may do: the principal of a request, and the dependencies that ask for a permission."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Literal

from fastapi import Depends
from starlette.requests import HTTPConnection

from api.problems import Problem

__all__ = [
    "PERMISSIONS_OF",
    "PERSONAL",
    "PERSONAL_CLINIC_ID",
    "AccountAdmin",
    "AccountHolder",
    "Administrator",
    "CurrentPrincipal",
    "Eraser",
    "Exporter",
    "Permission",
    "Principal",
    "Reader",
    "Role",
    "Writer",
    "principal_of",
    "require",
]


class Role(StrEnum):
    """What a person or a machine is in their clinic."""

    ADMIN = "admin"
    CLINICIAN = "clinician"
    READ_ONLY = "read_only"
    MACHINE = "machine"


class Permission(StrEnum):
    """What a route may ask for. An API key carries a choice of the first four."""

    READ = "read"
    WRITE = "write"
    EXPORT = "export"  # everything of one person, in one file
    ERASE = "erase"
    ADMINISTER = "administer"  # accounts, keys, retention, the audit trail


_ALL = frozenset(Permission)

#: What each role may do. A machine may do what its key says.
PERMISSIONS_OF: dict[Role, frozenset[Permission]] = {
    Role.ADMIN: _ALL,
    Role.CLINICIAN: _ALL - {Permission.ADMINISTER},
    Role.READ_ONLY: frozenset({Permission.READ}),
    Role.MACHINE: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks.

    Attributes:
        kind: `personal` is the one person in front of this machine; `user` signed in; `machine` came with a key.
        clinic_id: whose rows they may see; every query of records is bound to it.
        role: what they are.
        permissions: what they may do.
        user_id: the account; None for the personal principal and for machines.
        key_id: the API key of a machine.
        session_id: the session of a user.
        name: as pages greet them.
        csrf_token: what a user's changes must carry besides the cookie.
    """

    kind: Literal["personal", "user", "machine"]
    clinic_id: str
    role: Role
    permissions: frozenset[Permission]
    user_id: str | None = None
    key_id: str | None = None
    session_id: str | None = None
    name: str = ""
    csrf_token: str | None = field(default=None, repr=False)

    def may(self, permission: Permission) -> bool:
        """Whether they have that permission."""
        return permission in self.permissions


#: The clinic row to which the records of a personal installation belong.
PERSONAL_CLINIC_ID = "personal"

#: Whoever sits in front of this machine in personal mode: everything but accounts, of which there are none.
PERSONAL = Principal("personal", PERSONAL_CLINIC_ID, Role.ADMIN, _ALL, name="personal")

_NEEDED_BY_METHOD = {
    "GET": Permission.READ,
    "HEAD": Permission.READ,
    "OPTIONS": Permission.READ,
    "DELETE": Permission.ERASE,
}


def principal_of(connection: HTTPConnection) -> Principal:
    """Who asks, as the sign-in middleware found it; 401 where nobody signed in.

    Raises:
        Problem: 401.
    """
    principal = getattr(connection.state, "principal", None)
    if not isinstance(principal, Principal):
        raise Problem(401, "Nobody is signed in.", "Sign in first, or send an API key: Authorization: Bearer KEY.")
    return principal


def require(permission: Permission | None = None) -> Callable[[HTTPConnection], Principal]:
    """A dependency that gives the principal, or refuses one who lacks the permission.

    Args:
        permission: None takes the one of the method: GET needs `read`, DELETE `erase`, all others `write`.
    """

    def permitted(connection: HTTPConnection) -> Principal:
        principal = principal_of(connection)
        method = connection.scope.get("method", "GET")  # a WebSocket has none, and reads
        needed = permission or _NEEDED_BY_METHOD.get(method, Permission.WRITE)
        if not principal.may(needed):
            raise Problem(403, f"You lack the permission '{needed}'.", "Ask an admin of your clinic.")
        return principal

    return permitted


def _signed_in(connection: HTTPConnection) -> Principal:
    principal = principal_of(connection)
    if principal.kind != "user":
        raise Problem(403, "This is for people with an account.", "Sign in to the clinic's pages.")
    return principal


def _account_admin(connection: HTTPConnection) -> Principal:
    principal = _signed_in(connection)
    if not principal.may(Permission.ADMINISTER):
        raise Problem(403, "Only an admin of the clinic may do this.", "Ask one.")
    return principal


CurrentPrincipal = Annotated[Principal, Depends(require())]
Reader = Annotated[Principal, Depends(require(Permission.READ))]
Writer = Annotated[Principal, Depends(require(Permission.WRITE))]
Exporter = Annotated[Principal, Depends(require(Permission.EXPORT))]
Eraser = Annotated[Principal, Depends(require(Permission.ERASE))]
Administrator = Annotated[Principal, Depends(require(Permission.ADMINISTER))]
#: A person with an account, whatever their role; nobody in personal mode, and no machine.
AccountHolder = Annotated[Principal, Depends(_signed_in)]
AccountAdmin = Annotated[Principal, Depends(_account_admin)]
