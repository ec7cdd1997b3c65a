"""Makes what is generated of the clients from the OpenAPI document: `python -m clients.generate`.

Names of methods follow from paths: ``GET /v1/sessions`` is ``sessions.list``, ``POST
/v1/webhook_endpoints/{id}/ping`` is ``webhook_endpoints.ping``. So a new route has its method as
soon as this has run. The code for threads is made from the one for asyncio.
"""
