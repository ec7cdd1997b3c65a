"""What every node builds once, built in the process that forks them: a restart is then cheap."""

from csms import schemas
from ops.operator_api import app as operator_app
from partner_api import app as partner_app

schemas.compile_all()
partner_app._fastapi()
operator_app._fastapi()
