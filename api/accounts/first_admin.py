"""The first admin of a clinic: made by whoever runs the server, with a one-time link to choose a password."""

from __future__ import annotations

from sqlalchemy import select

from api.access import PERSONAL_CLINIC_ID
from api.accounts.links import link_path, new_link
from api.records.audit import note
from api.records.database import Database
from api.records.models import Clinic, User
from api.settings import Settings
from screener.errors import WrongUse

__all__ = ["base_url", "make_admin"]


def make_admin(settings: Settings, email: str, name: str | None, clinic_name: str) -> str:
    """Make an admin, and their clinic where it is new; for an account that is there, a link to a new password.

    Returns:
        the one-time link, with this server's address.

    Raises:
        WrongUse: the address is none, or belongs to another clinic.
    """
    email = email.strip().lower()
    if email.count("@") != 1 or email.startswith("@") or email.endswith("@") or len(email) > 254:
        raise WrongUse(f"'{email}' is not an e-mail address.", "Give one such as ada@clinic.example.")
    database = Database(settings.database, settings.secret.get_secret_value())
    database.prepare()
    try:
        with database.changing() as session:
            clinic = session.scalar(select(Clinic).where(Clinic.name == clinic_name, Clinic.id != PERSONAL_CLINIC_ID))
            if clinic is None:
                session.add(clinic := Clinic(name=clinic_name))
                session.flush()
                note(session, None, "created", "clinic", clinic.id, clinic_id=clinic.id)
            user = session.scalar(select(User).where(User.email == email))
            if user is None:
                user = User(clinic_id=clinic.id, email=email, name=name or email.partition("@")[0], role="admin")
                session.add(user)
                session.flush()
            if user.clinic_id != clinic.id:
                raise WrongUse(f"{email} belongs to another clinic.", "Give that clinic's name, or another address.")
            user.role, user.active = "admin", True
            token = new_link(session, user, "reset" if user.password_hash else "invitation", None)
            note(session, None, "made", "admin", user.id, clinic_id=clinic.id)
    finally:
        database.close()
    return base_url(settings) + link_path(token)


def base_url(settings: Settings) -> str:
    """Where people reach this server: behind its proxy by the first allowed host, else by loopback."""
    if settings.mode == "clinic" and settings.allowed_hosts:
        return f"https://{settings.allowed_hosts[0]}"
    return f"http://{settings.host}:{settings.port}"
