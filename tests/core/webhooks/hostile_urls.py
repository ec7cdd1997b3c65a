"""Addresses that must never be accepted, by the reason that must be given.

Look-alike characters stand as escapes so that a reader sees what they are.
"""

from typing import Final

from tests.core.webhooks.hostile_addresses import NOT_PUBLIC

SCHEME: Final = (
    "http://hooks.partner.example/",
    "HTTP://hooks.partner.example/",
    "ftp://hooks.partner.example/",
    "file:///etc/passwd",
    "file://localhost/etc/passwd",
    "gopher://hooks.partner.example:6379/_INFO",
    "dict://hooks.partner.example:11211/stats",
    "ldap://hooks.partner.example/",
    "ws://hooks.partner.example/",
    "wss://hooks.partner.example/",
    "jar:https://hooks.partner.example/!/",
    "javascript:alert(1)",
    "javascript://hooks.partner.example/%0Aalert(1)",
    "data:text/plain,hello",
    "unix:///var/run/docker.sock",
    "http+unix://%2Fvar%2Frun%2Fdocker.sock/info",
    "httpss://hooks.partner.example/",
    "https:hooks.partner.example",
    "https:/hooks.partner.example/",
    "https//hooks.partner.example/",
    "//hooks.partner.example/",
    "hooks.partner.example",
    "hooks.partner.example:443/",
    "/hook",
    "?",
    "",
    ":",
    "https",
    "https:",
    "://hooks.partner.example/",
)

NO_HOST: Final = (
    "https://",
    "https://::1/",
    "https://::1]/",
    "https:///",
    "https:///hook",
    "https://:443/",
    "https://?x=1",
)

CREDENTIALS: Final = (
    "https://hooks.partner.example%2f@127.0.0.1",
    "https://user@hooks.partner.example/",
    "https://user:secret@hooks.partner.example/",
    "https://@hooks.partner.example/",
    "https://:@hooks.partner.example/",
    "https://hooks.partner.example@127.0.0.1/",
    "https://hooks.partner.example:443@10.0.0.1/",
    "https://hooks.partner.example%20@169.254.169.254/",
    "https://127.0.0.1@hooks.partner.example/",
    "https://a@b@hooks.partner.example/",
    "https://hooks.partner.example%40127.0.0.1@localhost/",
    "https://[::1]@hooks.partner.example/",
)

FRAGMENT: Final = (
    "https://hooks.partner.example/#",
    "https://hooks.partner.example/#top",
    "https://hooks.partner.example#@127.0.0.1/",
    "https://127.0.0.1#.partner.example/",
    "#",
)

BACKSLASH: Final = (
    "https:\\\\hooks.partner.example\\",
    "https://hooks.partner.example\\@127.0.0.1/",
    "https://127.0.0.1\\.partner.example/",
    "https://127.0.0.1:443\\@hooks.partner.example/",
    "https:/\\127.0.0.1/",
    "\\\\127.0.0.1\\share",
    "https://hooks.partner.example/a\\..\\b",
)

WHITE_SPACE: Final = (
    " https://hooks.partner.example/",
    "https://hooks.partner.example/ ",
    "https://hooks.partner.example/a b",
    "https://hooks.partner .example/",
    "https://127.0.0.1 .partner.example/",
    "ht\ttps://hooks.partner.example/",
    "https://hooks.part\nner.example/",
    "https://hooks.partner.example/\r\nHost: 127.0.0.1",
    "https://hooks.partner.example/\r\n\r\nPOST /admin HTTP/1.1",
    "https://hooks.partner.example\t@127.0.0.1/",
    "https://hooks.partner.example/\x00",
    "https://hooks.partner.example\x00.127.0.0.1/",
    "\x00https://hooks.partner.example/",
    "https://hooks.partner.example/\x7f",
    "https://hooks.partner.example/\x1b[2J",
    "https://hooks.partner.example/\x0b",
    "https://hooks.partner.example/\x85",
    "https://hooks.partner.example/\xa0",
    "https://hooks.partner.example/\u2028",
    "https://hooks.partner.example/\u202e",
    "https://hooks.part\u200bner.example/",
    "https://hooks.part\xadner.example/",
    "https://\ufeffhooks.partner.example/",
    "https://hooks.partner.example/\ud800",
    "https://hooks.partner.example\u3000/",
)

TOO_LONG: Final = (
    "https://hooks.partner.example/" + "a" * 2048,
    "https://" + "a." * 2000 + "example/",
    "h" * 5000,
    "https://hooks.partner.example/?" + "%41" * 5000,
    "9" * 1_000_000,
)

PORT: Final = (
    "https://fe80::1:443/",
    "https://hooks.partner.example:22/",
    "https://hooks.partner.example:25/",
    "https://hooks.partner.example:53/",
    "https://hooks.partner.example:80/",
    "https://hooks.partner.example:389/",
    "https://hooks.partner.example:444/",
    "https://hooks.partner.example:1023/",
    "https://hooks.partner.example:1/",
    "https://hooks.partner.example:0/",
    "https://hooks.partner.example:00443/",
    "https://hooks.partner.example:0443/",
    "https://hooks.partner.example:65536/",
    "https://hooks.partner.example:65979/",
    "https://hooks.partner.example:99999/",
    "https://hooks.partner.example:4294967739/",
    "https://hooks.partner.example:" + "9" * 1000 + "/",
    "https://hooks.partner.example:/",
    "https://hooks.partner.example:-1/",
    "https://hooks.partner.example:+443/",
    "https://hooks.partner.example:0x1bb/",
    "https://hooks.partner.example:44_3/",
    "https://hooks.partner.example:443.0/",
    "https://hooks.partner.example:https/",
    "https://hooks.partner.example:443:443/",
    "https://hooks.partner.example:\uff14\uff14\uff13/",
    "https://hooks.partner.example:\u0664\u0664\u0663/",
    "https://hooks.partner.example:\xb2\xb2\xb2\xb2/",
    "https://93.184.216.34:21/",
    "https://[2606:4700:4700::1111]:22/",
)

PERCENT_IN_HOST: Final = (
    "https://%6c%6f%63%61%6c%68%6f%73%74/",
    "https://127%2e0%2e0%2e1/",
    "https://hooks.partner.example%00.internal/",
    "https://hooks%2Epartner.example/",
    "https://[fe80::1%25eth0]/",
    "https://[fe80::1%eth0]/",
    "https://[2606:4700:4700::1111%25lo]/",
    "https://[::1%25]/",
    "https://%/",
    "https://hooks.partner.example%/",
    "https://%E2%91%A0.example/",
)

ODD_IPV4: Final = (
    "https://hooks.partner.example;127.0.0.1/",
    "https://hooks.partner.example,127.0.0.1/",
    "https://2130706433/",
    "https://3232235521/",
    "https://017700000001/",
    "https://0x7f000001/",
    "https://0X7F000001/",
    "https://0x7f.0x0.0x0.0x1/",
    "https://0x7f.1/",
    "https://0177.0.0.1/",
    "https://0177.0.0.01/",
    "https://127.0.0.01/",
    "https://127.000.000.001/",
    "https://127.1/",
    "https://127.0.1/",
    "https://10.1/",
    "https://0/",
    "https://1/",
    "https://0x/",
    "https://127.0.0.0x1/",
    "https://127.0.0.1.1/",
    "https://256.0.0.1/",
    "https://127.0.0.256/",
    "https://425.510.425.510/",
    "https://169.254.43518/",
    "https://0xA9FEA9FE/",
    "https://2852039166/",
    "https://0251.0376.0251.0376/",
    "https://0251.254.169.254/",
    "https://hooks.partner.1/",
    "https://hooks.partner.0x1/",
    "https://93.184.216.034/",
    "https://" + "9" * 200 + "/",
)

NOT_PUBLIC_LITERALS: Final = tuple(
    f"https://[{ip}]/" if ":" in ip else f"https://{ip}:8443/hook" for ip, _ in NOT_PUBLIC
)

BAD_IPV6: Final = (
    "https://[]/",
    "https://[:]/",
    "https://[:::1]/",
    "https://[1::2::3]/",
    "https://[127.0.0.1]/",
    "https://[hooks.partner.example]/",
    "https://[v1.fe80::a+en1]/",
    "https://[::ffff:127.1]/",
    "https://[::ffff:0177.0.0.1]/",
    "https://[00000::1]/",
    "https://[\uff11::1]/",
)

MALFORMED_AUTHORITY: Final = (
    "https://[::1/",
    "https://[[::1]]/",
    "https://[::1].partner.example/",
    "https://[::1]127.0.0.1/",
    "https://x[::1]/",
)

INTERNAL: Final = (
    "https://localhost/",
    "https://LOCALHOST:8443/",
    "https://app.localhost/",
    "https://localhost.localdomain/",
    "https://metadata/",
    "https://metadata/computeMetadata/v1/",
    "https://metadata.google.internal/computeMetadata/v1/",
    "https://METADATA.GOOGLE.INTERNAL/",
    "https://instance-data.ec2.internal/",
    "https://host.docker.internal:2375/",
    "https://gateway.docker/",
    "https://kubernetes/",
    "https://kubernetes.default.svc/",
    "https://kubernetes.default.svc.cluster.local/",
    "https://vault.service.consul/",
    "https://printer.local/",
    "https://nas.lan/",
    "https://router.home/",
    "https://router.home.arpa/",
    "https://1.0.0.127.in-addr.arpa/",
    "https://wiki.corp/",
    "https://wiki.intranet/",
    "https://db.private/",
    "https://expyuzz4wqqyqhjn.onion/",
    "https://nothing.invalid/",
    "https://app.test/",
)

SINGLE_LABEL: Final = ("https://redis/", "https://db:5432/", "https://x/", "https://com/")

DOTS: Final = (
    "https://localhost./",
    "https://hooks.partner.example./",
    "https://hooks.partner.example.:443/",
    "https://127.0.0.1./",
    "https://metadata.google.internal./",
    "https://.hooks.partner.example/",
    "https://hooks..partner.example/",
    "https://./",
    "https://../",
)

BAD_NAME: Final = (
    "https://-hooks.partner.example/",
    "https://hooks-.partner.example/",
    "https://hooks_internal.partner.example/",
    "https://*.partner.example/",
    "https://hooks.partner.example&127.0.0.1.example/",
    "https://$(id).partner.example/",
    "https://<script>.partner.example/",
    "https://{host}.partner.example/",
    "https://" + "a" * 64 + ".example/",
    "https://" + "a." * 124 + "example/",
    "https://hooks.partner.exa'mple/",
)

BAD_IDNA: Final = (
    "https://\uff11\uff12\uff17.0.0.1/",  # fullwidth digits
    "https://127\u30020\u30020\u30021/",  # ideographic full stops
    "https://127\uff0e0\uff0e0\uff0e1/",  # fullwidth full stops
    "https://127\uff610\uff610\uff611/",  # halfwidth full stops
    "https://localhost\u3002/",
    "https://\u2460\u2461\u2466.\u24ea.\u24ea.\u2460/",  # circled digits
    "https://\U0001d7cf\U0001d7d0\U0001d7d5.0.0.1/",  # mathematical digits
    "https://\u0661\u0662\u0667.0.0.1/",
    "https://\uff4c\uff4f\uff43\uff41\uff4c\uff48\uff4f\uff53\uff54/",
    "https://local\u212aost.example/",  # KELVIN SIGN
    "https://\u017flocalhost.example/",  # LONG S
    "https://hooks\uff0fpartner.example/",  # fullwidth solidus
    "https://hooks\uff20127.0.0.1/",  # fullwidth commercial at
    "https://hooks.partner\u2024example/",  # one dot leader
    "https://hooks\u2044partner.example/",  # fraction slash
    "https://\u2100.example/",  # "a/c" in one character
    "https://B\xdcCHER.example/",
    "https://xn--.example/",
    "https://xn--a.example/",
    "https://xn--" + "9" * 60 + ".example/",
    "https://xn--localhost-.example/",
    "https://xn---.example/",
    "https://\U0001f680.example/",
)

BAD_TARGET: Final = (
    'https://hooks.partner.example/"',
    "https://hooks.partner.example/<script>",
    "https://hooks.partner.example/{id}",
    "https://hooks.partner.example/a|b",
    "https://hooks.partner.example/^",
    "https://hooks.partner.example/`id`",
    "https://hooks.partner.example/%",
    "https://hooks.partner.example/%4",
    "https://hooks.partner.example/%zz",
    "https://hooks.partner.example/%u0041",
    "https://hooks.partner.example/?a[0]=1",
    "https://hooks.partner.example/h\xf6ren",
    "https://hooks.partner.example/\uff0e\uff0e/",
    "https://hooks.partner.example/%00",
    "https://hooks.partner.example/%0d%0aHost:%20127.0.0.1",
    "https://hooks.partner.example/?next=%0A",
    "https://hooks.partner.example/%7f",
)

# (what the reason must say, URLs)
HOSTILE: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("https", SCHEME),
    ("no host", NO_HOST),
    ("an @", CREDENTIALS),
    ("fragment", FRAGMENT),
    ("backslash", BACKSLASH),
    ("white space or control", WHITE_SPACE),
    ("longer than", TOO_LONG),
    ("the port is not", PORT),
    ("percent-encoding or a zone id", PERCENT_IN_HOST),
    ("odd notation", ODD_IPV4),
    ("not public", NOT_PUBLIC_LITERALS),
    ("not a valid IPv6", BAD_IPV6),
    ("cannot be told apart", MALFORMED_AUTHORITY),
    ("internal name", INTERNAL),
    ("single label", SINGLE_LABEL),
    ("empty label or a trailing dot", DOTS),
    ("not a valid name", BAD_NAME),
    ("valid internationalised name", BAD_IDNA),
    ("the path or query", BAD_TARGET),
)
