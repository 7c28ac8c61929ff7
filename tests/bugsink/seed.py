# Makes the one project that events go to, whoever may look at it, and the token that reads it back; tests/bugsink.rs knows both keys.
import uuid

from bsmain.models import AuthToken
from django.contrib.auth import get_user_model
from projects.models import Project, ProjectMembership, ProjectRole
from teams.models import Team, TeamMembership, TeamRole

name = "admin@example.org"
user = get_user_model().objects.create_superuser(username=name, email=name, password="admin")
team = Team.objects.create(name="tests")
TeamMembership.objects.create(team=team, user=user, role=TeamRole.ADMIN, accepted=True)
project = Project.objects.create(team=team, name="tests", slug="tests", sentry_key=uuid.UUID("1" * 32))
ProjectMembership.objects.create(project=project, user=user, role=ProjectRole.ADMIN, accepted=True)
token = AuthToken.create_full_access()
token.token = "2" * 40
token.save()
