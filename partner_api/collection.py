"""``python -m partner_api.collection``: write the API collection of the documentation."""

import json
from pathlib import Path
from typing import Final

from partner_api import openapi
from partner_api.app import ROUTERS
from partner_api.postman import collection

FILE: Final = (
    Path(__file__).parent.parent / "docs" / "partners" / "voltgate.postman_collection.json"
)


def text() -> str:
    """Return the collection for a platform on the reader's machine, as it stands in the file."""
    document = openapi.document(ROUTERS, public_url="http://127.0.0.1:8080")
    return json.dumps(collection(document), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
