"""Under which number a company is registered: checked for China and the European Union."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from stdnum.cn import uscc
from stdnum.eu import vat
from stdnum.exceptions import InvalidChecksum, ValidationError


class RegistrationKind(StrEnum):
    USCC = "uscc"
    """China: the unified social credit code, 18 characters (GB 32100-2015)."""
    EU_VAT = "eu_vat"
    """European Union: the VAT identification number, with its country's prefix."""
    FREE = "free"
    """Elsewhere: as the company's own register writes it."""


_COUNTRIES: Final = """
AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS
BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE
EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM
HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC
LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA
NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW
SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO
TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW
"""
COUNTRIES: Final = frozenset(_COUNTRIES.split())
"""ISO 3166-1 alpha-2."""

_EU: Final = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK"
EU: Final = frozenset(_EU.split())
_PREFIXES: Final = {"GR": "EL"}
"""Where the VAT number begins with something else than the country's code."""

_FREE: Final = re.compile(r"[A-Z0-9](?:[A-Z0-9 ./-]{0,62}[A-Z0-9])?", re.ASCII)
_MIN_FREE: Final = 3


class NotARegistration(Exception):
    """The number cannot be one of that country; *reason* says why and what is expected."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """A number as it is stored and compared, and of which kind it is."""

    kind: RegistrationKind
    number: str


def read(country: str, text: str) -> Registration:
    """Return the registration of a company in *country* (ISO 3166-1 alpha-2, upper case).

    Raises:
        NotARegistration: Format or check digit are wrong.
    """
    if not text.isascii():
        raise NotARegistration("write it with ASCII letters and digits")
    if country == "CN":
        return Registration(kind=RegistrationKind.USCC, number=_uscc(text))
    if country in EU:
        return Registration(kind=RegistrationKind.EU_VAT, number=_vat(country, text))
    return Registration(kind=RegistrationKind.FREE, number=_free(text))


def _uscc(text: str) -> str:
    try:
        return str(uscc.validate(text))
    except InvalidChecksum as exc:
        raise NotARegistration("its last character does not fit the others; mistyped?") from exc
    except ValidationError as exc:
        raise NotARegistration(
            "in China it is the unified social credit code, 18 characters (GB 32100-2015)"
        ) from exc


def _vat(country: str, text: str) -> str:
    prefix = _PREFIXES.get(country, country)
    number = re.sub(r"[\s.-]", "", text).upper()
    if not number.startswith(prefix):
        number = prefix + number
    try:
        return str(vat.validate(number))
    except InvalidChecksum as exc:
        raise NotARegistration("its check digits do not fit; mistyped?") from exc
    except ValidationError as exc:
        raise NotARegistration(
            f"in the EU it is the VAT identification number, such as {prefix}..., of this country"
        ) from exc


def _free(text: str) -> str:
    number = re.sub(r" +", " ", text.strip().upper())
    characters = sum(c.isalnum() for c in number)
    if _FREE.fullmatch(number) is None or characters < _MIN_FREE:
        raise NotARegistration(
            f"at least {_MIN_FREE} letters or digits, with spaces, dots, slashes, hyphens between"
        )
    return number
