"""What handlers ask for by name."""

from litestar.di import NamedDependency

from duologue.auth.account import Accounts
from duologue.auth.authenticator import Authenticator, Confirmations
from duologue.auth.client import Client, ClientReader
from duologue.auth.cookies import Cookies
from duologue.auth.registration import Registrations
from duologue.auth.sessions import Sessions
from duologue.auth.signin import SignIn
from duologue.identity import Identity

__all__ = [
    "Caller",
    "TheAccounts",
    "TheAuthenticator",
    "TheClient",
    "TheClientReader",
    "TheConfirmations",
    "TheCookies",
    "TheRegistrations",
    "TheSessions",
    "TheSignIn",
]

Caller = NamedDependency[Identity]
TheAccounts = NamedDependency[Accounts]
TheAuthenticator = NamedDependency[Authenticator]
TheClient = NamedDependency[Client]
TheClientReader = NamedDependency[ClientReader]
TheConfirmations = NamedDependency[Confirmations]
TheCookies = NamedDependency[Cookies]
TheRegistrations = NamedDependency[Registrations]
TheSessions = NamedDependency[Sessions]
TheSignIn = NamedDependency[SignIn]
