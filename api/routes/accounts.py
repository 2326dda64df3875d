"""Signing in and out, one's own account, and the admin's: people, one-time links, API keys, the clinic's settings."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field, StringConstraints
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from api.access import AccountAdmin, AccountHolder, Administrator, CurrentPrincipal, Permission, Principal, principal_of
from api.accounts.keys import SCOPES, new_key
from api.accounts.limits import SignInLimits, TooManyTries
from api.accounts.links import LASTS, link_path, new_link, take_up
from api.accounts.passwords import hash_password, verify_password, why_too_weak
from api.accounts.sessions import COOKIE, LONGEST, end_session_row, open_session, revoke_sessions
from api.problems import Problem, problems
from api.records.audit import note
from api.records.database import DbSession
from api.records.models import ApiKey, Clinic, User, UserSession
from api.records.types import now
from api.routes.forms import Given, Id, Line, Told

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["accounts"])

_Email = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, to_lower=True, max_length=254, pattern=r"^[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+$"
    ),
]
# Passwords are taken as they are typed; how long they must be is said in words, by `why_too_weak`.
_Password = Annotated[str, StringConstraints(max_length=1000)]
_Role = Literal["admin", "clinician", "read_only"]
_Scope = Literal["read", "write", "export", "erase"]


# -- signing in ---------------------------------------------------------------------------------------------------


class SignInGiven(Given):
    """Who signs in."""

    email: _Email = Field(examples=["ada@clinic.example"])
    password: _Password = Field(examples=["four words without connection"])


class Me(Told):
    """Who asks, and what they may do."""

    kind: Literal["personal", "user", "machine"]
    name: str
    role: Literal["admin", "clinician", "read_only", "machine"]
    permissions: list[str]
    clinic_id: str
    user_id: str | None
    csrf_token: str | None = Field(description="What every change by a signed-in person carries as X-CSRF-Token.")


class SessionTold(Told):
    """A sign-in of one's own account."""

    id: str
    user_agent: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    current: bool


def _me(principal: Principal) -> Me:
    return Me(
        kind=principal.kind,
        name=principal.name,
        role=principal.role.value,
        permissions=sorted(principal.permissions),
        clinic_id=principal.clinic_id,
        user_id=principal.user_id,
        csrf_token=principal.csrf_token,
    )


def _address(request: Request) -> str:
    return request.client.host if request.client is not None else "unknown"


def _count(request: Request, account: str) -> SignInLimits:
    limits: SignInLimits = request.app.state.sign_in_limits
    try:
        limits.count(account, _address(request))
    except TooManyTries as many:
        again = {"Retry-After": str(many.seconds)}
        raise Problem(429, "Too many tries.", f"Wait {many.seconds} seconds.", headers=again) from None
    return limits


def _set_cookie(response: Response, token: str) -> None:
    response.set_cookie(
        COOKIE, token, max_age=int(LONGEST.total_seconds()), path="/", secure=True, httponly=True, samesite="strict"
    )


@router.post("/sessions", status_code=201, responses=problems(401, 429))
def sign_in(given: SignInGiven, request: Request, response: Response, db: DbSession) -> Me:
    """Sign in: sets the session's cookie. A wrong name and a wrong password get the same answer, in the same time."""
    limits = _count(request, given.email)
    wanted = select(User).where(User.email == given.email)
    user = db.execute(wanted).scalar_one_or_none()
    kept = user.password_hash if user is not None and user.active else None
    db.rollback()  # a hash takes its time: nobody else waits for it
    good, renewed = verify_password(given.password, kept)
    user = db.execute(wanted).scalar_one_or_none()
    if not good or user is None or not user.active or user.password_hash != kept:
        if user is not None:
            _note_nobody(db, user, "refused", "sign_in", request)
            db.commit()
        raise Problem(401, "The address or the password is wrong, or the account is closed.", "Try again.")
    limits.forget(given.email, _address(request))
    if renewed is not None:
        user.password_hash = renewed
    former: Principal | None = getattr(request.state, "principal", None)
    if former is not None and former.session_id is not None:
        end_session_row(db, former.session_id)
    made = open_session(db, user, request.headers.get("user-agent", ""))
    note(db, made.principal, "signed_in", "session", made.principal.session_id, address=_address(request))
    db.commit()
    _set_cookie(response, made.token)
    return _me(made.principal)


@router.get("/me")
def me(principal: Annotated[Principal, Depends(principal_of)]) -> Me:
    """Who asks, and what they may do."""
    return _me(principal)


@router.get("/sessions")
def list_sessions(principal: AccountHolder, db: DbSession) -> list[SessionTold]:
    """Where one is signed in."""
    rows = db.scalars(
        select(UserSession)
        .where(
            UserSession.user_id == principal.user_id,
            UserSession.revoked_at.is_(None),
            UserSession.expires_at > now(),
        )
        .order_by(UserSession.id.desc())
    )
    return [
        SessionTold(
            id=row.id,
            user_agent=row.user_agent,
            created_at=row.created_at,
            seen_at=row.seen_at,
            expires_at=row.expires_at,
            current=row.id == principal.session_id,
        )
        for row in rows
    ]


@router.delete("/sessions/{session_id}", status_code=204, responses=problems(404))
def end_session(session_id: str, principal: AccountHolder, response: Response, db: DbSession) -> None:
    """Sign out: here (`current`) or where one forgot to."""
    wanted = principal.session_id if session_id == "current" else session_id
    row = db.get(UserSession, wanted) if wanted is not None else None
    if row is None or row.user_id != principal.user_id or row.revoked_at is not None:
        raise Problem(404, "You have no such session.", "GET /v1/sessions lists them.")
    row.revoked_at = now()
    note(db, principal, "signed_out", "session", row.id)
    db.commit()
    if row.id == principal.session_id:
        response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="strict")
        # What the browser kept of these pages goes too.
        response.headers["clear-site-data"] = '"cache", "storage"'


class PasswordGiven(Given):
    """A change of one's own password."""

    current: _Password
    password: _Password


@router.put("/me/password", status_code=204, responses=problems(403, 429))
def change_password(given: PasswordGiven, principal: AccountHolder, request: Request, db: DbSession) -> None:
    """Change one's own password. Every other session of the account ends."""
    user = _own_user(db, principal)
    _count(request, user.email)
    kept = user.password_hash
    db.rollback()
    good, _ = verify_password(given.current, kept)
    if not good:
        raise Problem(422, "The current password is wrong.", "Type it again.", field="body.current")
    _set_password(db, user, given.password)
    ended = revoke_sessions(db, user.id, but=principal.session_id)
    note(db, principal, "changed", "password", user.id, sessions_ended=ended)
    db.commit()


def _note_nobody(db: Session, user: User, action: str, kind: str, request: Request) -> None:
    """A line about somebody who is not signed in. The address is what tells a slip from an attack."""
    note(db, None, action, kind, user.id, clinic_id=user.clinic_id, otherwise="nobody", address=_address(request))


def _own_user(db: Session, principal: Principal) -> User:
    user = db.get(User, principal.user_id)
    if user is None:
        raise Problem(401, "The account is gone.", "Ask an admin of the clinic.")
    return user


def _set_password(db: Session, user: User, password: str) -> None:
    clinic = db.get(Clinic, user.clinic_id)
    weak = why_too_weak(password, user.name, user.email, clinic.name if clinic is not None else "")
    if weak is not None:
        raise Problem(
            422, weak, "Use four or five words that have nothing to do with each other.", field="body.password"
        )
    user.password_hash = hash_password(password)


class TakeUpGiven(Given):
    """What is behind the `#` of a link, and the password to set."""

    token: Annotated[str, StringConstraints(max_length=200)]
    password: _Password


class TakenUp(Told):
    """Whose password was set."""

    email: str


@router.post("/links:take-up", responses=problems(404, 429))
def take_up_link(given: TakeUpGiven, request: Request, db: DbSession) -> TakenUp:
    """Set a password with a one-time link. Then the link is used, and every session of the account has ended."""
    _count(request, "")  # a token cannot be guessed, but nobody needs to try for long
    found = take_up(db, given.token)
    if found is None:
        raise Problem(404, "This link was used already, or is too old.", "Ask an admin of your clinic for another.")
    link, user = found
    _set_password(db, user, given.password)
    link.used_at = now()
    revoke_sessions(db, user.id)
    _note_nobody(db, user, "took_up", link.kind, request)
    db.commit()
    return TakenUp(email=user.email)


# -- people of the clinic -----------------------------------------------------------------------------------------


class UserTold(Told):
    """An account of the clinic."""

    id: str
    email: str
    name: str
    role: _Role
    active: bool
    invited: bool = Field(description="Waits for its invitation to be taken up.")
    created_at: datetime
    last_sign_in_at: datetime | None


class InviteGiven(Given):
    """Whom to invite."""

    email: _Email = Field(examples=["ada@clinic.example"])
    name: Line = Field(examples=["Ada Example"])
    role: _Role


class LinkTold(Told):
    """A one-time link. It is shown this once; hand it to the person yourself."""

    user: UserTold
    link: str = Field(description="Path on this server; what stands behind the # is the secret.")
    expires_at: datetime


class UserChange(Given):
    """What to change of an account; what is left out stays."""

    name: Line | None = None
    role: _Role | None = None
    active: bool | None = None


def _user_told(user: User) -> UserTold:
    told: dict[str, Any] = {name: getattr(user, name) for name in UserTold.model_fields if name != "invited"}
    return UserTold(**told, invited=user.password_hash is None)


def _user_of(db: Session, principal: Principal, user_id: str) -> User:
    user = db.get(User, user_id)
    if user is None or user.clinic_id != principal.clinic_id:
        raise Problem(404, "Your clinic has no such account.", "GET /v1/users lists them.")
    return user


@router.get("/users")
def list_users(principal: AccountAdmin, db: DbSession) -> list[UserTold]:
    """The clinic's accounts."""
    rows = db.scalars(select(User).where(User.clinic_id == principal.clinic_id).order_by(User.email))
    return [_user_told(row) for row in rows]


@router.post("/users", status_code=201, responses=problems(409))
def invite_user(given: InviteGiven, principal: AccountAdmin, db: DbSession) -> LinkTold:
    """Make an account and a one-time link, by which the person sets their password."""
    user = User(clinic_id=principal.clinic_id, email=given.email, name=given.name, role=given.role)
    db.add(user)
    try:
        db.flush()
    except IntegrityError:
        raise Problem(
            409, "There is an account with this address already.", "Use another address.", field="body.email"
        ) from None
    token = new_link(db, user, "invitation", principal.user_id)
    note(db, principal, "invited", "user", user.id, role=user.role)
    db.commit()
    return LinkTold(user=_user_told(user), link=link_path(token), expires_at=now() + LASTS["invitation"])


@router.patch("/users/{user_id}", responses=problems(404, 409))
def change_user(user_id: str, given: UserChange, principal: AccountAdmin, db: DbSession) -> UserTold:
    """Change a name or a role, close an account or open it again. A change of rights ends the person's sessions."""
    user = _user_of(db, principal, user_id)
    changes = given.model_dump(exclude_none=True)
    changes = {name: value for name, value in changes.items() if getattr(user, name) != value}
    for name, value in changes.items():
        setattr(user, name, value)
    if changes.keys() & {"role", "active"}:
        _keep_an_admin(db, principal)
        revoke_sessions(db, user.id)
    told = {name: value for name, value in changes.items() if name != "name"}
    note(db, principal, "changed", "user", user.id, fields=sorted(changes), **told)
    db.commit()
    return _user_told(user)


def _keep_an_admin(db: Session, principal: Principal) -> None:
    """A clinic without an admin could never have one again."""
    db.flush()
    left = select(User.id).where(
        User.clinic_id == principal.clinic_id,
        User.role == "admin",
        User.active.is_(True),
        User.password_hash.is_not(None),
    )
    if db.execute(left.limit(1)).first() is None:
        raise Problem(409, "This is the clinic's last admin.", "Make somebody else an admin first.")


@router.post("/users/{user_id}/links", status_code=201, responses=problems(404, 409))
def new_user_link(user_id: Id, principal: AccountAdmin, db: DbSession) -> LinkTold:
    """A new one-time link for a person who lost theirs, or forgot the password. Earlier links no longer work."""
    user = _user_of(db, principal, user_id)
    if not user.active:
        raise Problem(409, "The account is closed.", "Open it first.")
    kind: Literal["invitation", "reset"] = "invitation" if user.password_hash is None else "reset"
    token = new_link(db, user, kind, principal.user_id)
    note(db, principal, "made", kind, user.id)
    db.commit()
    return LinkTold(user=_user_told(user), link=link_path(token), expires_at=now() + LASTS[kind])


@router.delete("/users/{user_id}/sessions", status_code=204, responses=problems(404))
def end_sessions(user_id: Id, principal: AccountAdmin, db: DbSession) -> None:
    """Sign a person out everywhere."""
    user = _user_of(db, principal, user_id)
    ended = revoke_sessions(db, user.id)
    note(db, principal, "ended", "sessions", user.id, sessions_ended=ended)
    db.commit()


# -- keys ---------------------------------------------------------------------------------------------------------


class KeyGiven(Given):
    """A key for a program."""

    name: Line = Field(examples=["nightly import"])
    scopes: list[_Scope] = Field(min_length=1, max_length=len(SCOPES), examples=[["read", "write"]])
    # JSON has no instants: they come as text.
    expires_at: Annotated[datetime, Field(strict=False)] | None = None


class KeyTold(Told):
    """A key, without what makes it one."""

    id: str
    name: str
    prefix: str
    scopes: list[str]
    created_at: datetime
    used_at: datetime | None
    expires_at: datetime | None
    revoked_at: datetime | None


class KeyMade(KeyTold):
    """A new key. It is shown this once."""

    key: str


@router.get("/keys")
def list_keys(principal: AccountAdmin, db: DbSession) -> list[KeyTold]:
    """The clinic's API keys, those withdrawn too."""
    rows = db.scalars(select(ApiKey).where(ApiKey.clinic_id == principal.clinic_id).order_by(ApiKey.id.desc()))
    return [KeyTold.model_validate(row) for row in rows]


@router.post("/keys", status_code=201)
def make_key(given: KeyGiven, principal: AccountAdmin, db: DbSession) -> KeyMade:
    """Make a key for a program: it may do what its scopes say, and nothing with accounts."""
    expires_at = given.expires_at
    if expires_at is not None and (expires_at.tzinfo is None or expires_at <= now()):
        what_to_do = "Give one with its time zone, such as 2027-01-31T12:00:00Z."
        raise Problem(422, "The key's end is not in the future.", what_to_do, field="body.expires_at")
    row, key = new_key(db, principal, given.name, frozenset(Permission(scope) for scope in given.scopes), expires_at)
    note(db, principal, "made", "key", row.id, scopes=row.scopes)
    db.commit()
    return KeyMade(**KeyTold.model_validate(row).model_dump(), key=key)


@router.delete("/keys/{key_id}", status_code=204, responses=problems(404))
def withdraw_key(key_id: Id, principal: AccountAdmin, db: DbSession) -> None:
    """Withdraw a key: from now on it opens nothing."""
    row = db.get(ApiKey, key_id)
    if row is None or row.clinic_id != principal.clinic_id or row.revoked_at is not None:
        raise Problem(404, "Your clinic has no such key.", "GET /v1/keys lists them.")
    row.revoked_at = now()
    note(db, principal, "withdrew", "key", row.id)
    db.commit()


# -- the clinic ---------------------------------------------------------------------------------------------------


class ClinicTold(Told):
    """The clinic, and for how long it keeps recordings."""

    id: str
    name: str
    retention_days: int | None = Field(description="None: what the service's settings say.")
    keeps_days: int = Field(description="What holds now.")


class ClinicChange(Given):
    """What to change; what is left out stays."""

    name: Line | None = None
    retention_days: Annotated[int, Field(ge=0, le=3650)] | None = None


def _clinic(db: Session, principal: Principal) -> Clinic:
    clinic = db.get(Clinic, principal.clinic_id)
    if clinic is None:
        raise Problem(404, "The clinic is gone.", "Ask who runs this server.")
    return clinic


def _clinic_told(clinic: Clinic, request: Request) -> ClinicTold:
    keeps: int = request.app.state.settings.keep_days
    return ClinicTold(
        id=clinic.id,
        name=clinic.name,
        retention_days=clinic.retention_days,
        keeps_days=clinic.retention_days if clinic.retention_days is not None else keeps,
    )


@router.get("/clinic")
def read_clinic(principal: CurrentPrincipal, request: Request, db: DbSession) -> ClinicTold:
    """The clinic of whoever asks."""
    return _clinic_told(_clinic(db, principal), request)


@router.patch("/clinic")
def change_clinic(given: ClinicChange, principal: Administrator, request: Request, db: DbSession) -> ClinicTold:
    """Rename the clinic, or say for how long recordings are kept. It holds for recordings made from now on."""
    clinic = _clinic(db, principal)
    if given.name is not None:
        clinic.name = given.name
    if given.retention_days is not None:
        clinic.retention_days = given.retention_days
    changes = given.model_dump(exclude_none=True)
    told = {name: value for name, value in changes.items() if name != "name"}
    note(db, principal, "changed", "clinic", clinic.id, fields=sorted(changes), **told)
    db.commit()
    return _clinic_told(clinic, request)
