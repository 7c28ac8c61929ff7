# The settings of Bugsink under test: strict, quiet, on loopback, all of it in the folder $BUGSINK_HOME.
import os

from bugsink.settings.default import *  # noqa

HOME = os.environ["BUGSINK_HOME"]
SECRET_KEY = "of a server that lives as long as one test and answers loopback only"
ALLOWED_HOSTS = ["127.0.0.1"]
TIME_ZONE = "UTC"
DATABASES["default"]["NAME"] = f"{HOME}/bugsink.sqlite3"
DATABASES["snappea"]["NAME"] = f"{HOME}/snappea.sqlite3"
# What is taken is stored before it is answered: no second process, and less to wait for.
SNAPPEA = {"TASK_ALWAYS_EAGER": True}
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
BUGSINK = {
    "BASE_URL": f"http://127.0.0.1:{os.environ.get('BUGSINK_PORT', '0')}",
    "SINGLE_USER": True,
    "SINGLE_TEAM": True,
    "PHONEHOME": False,
    # An event against Sentry's schema is answered 200 and not stored.
    "VALIDATE_ON_DIGEST": "strict",
    # The bytes as they came, and of those also what Bugsink has no use for.
    "KEEP_ENVELOPES": 10_000,
    "INGEST_STORE_BASE_DIR": f"{HOME}/ingest",
    "MAX_EVENTS_PER_5_MINUTES": 1_000_000,
    "MAX_EVENTS_PER_HOUR": 1_000_000,
    "MAX_EVENTS_PER_PROJECT_PER_5_MINUTES": 1_000_000,
    "MAX_EVENTS_PER_PROJECT_PER_HOUR": 1_000_000,
}
