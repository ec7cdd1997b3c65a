"""Hostile frames and the answer each must get, for every level of test that can send a frame.

An answer is ``(message id, CALLERROR code)``, ``(message id, ACCEPTED)`` for a CALLRESULT, or
``None`` where nothing may be sent.
"""

from dataclasses import dataclass

ACCEPTED = "CALLRESULT"

Answer = tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class HostileFrame:
    name: str
    text: str | bytes
    ocpp16: Answer
    ocpp201: Answer

    def answer(self, version: str) -> Answer:
        return self.ocpp16 if version == "1.6" else self.ocpp201


def _unreadable(name: str, text: str | bytes) -> HostileFrame:
    return HostileFrame(name, text, None, ("-1", "RpcFrameworkError"))


def _silent(name: str, text: str) -> HostileFrame:
    return HostileFrame(name, text, None, None)


def _unknown_type(name: str, text: str, message_id: str) -> HostileFrame:
    return HostileFrame(name, text, None, (message_id, "MessageTypeNotSupported"))


def _refused(name: str, text: str, message_id: str, code: str, code_201: str = "") -> HostileFrame:
    return HostileFrame(name, text, (message_id, code), (message_id, code_201 or code))


def _malformed(name: str, text: str, message_id: str) -> HostileFrame:
    return _refused(name, text, message_id, "FormationViolation", "FormatViolation")


def _accepted(name: str, text: str, message_id: str) -> HostileFrame:
    return _refused(name, text, message_id, ACCEPTED)


DEEP = 100_000
LONG_NUMBER = "9" * 5_000
LONG_ID = "i" * 10_000
OBJECTS = '{"data":' * 20_000
ID_37 = "j" * 37

NOT_A_FRAME = [
    _unreadable("empty", ""),
    _unreadable("blank", " \t\r\n"),
    _unreadable("words", "hello"),
    _unreadable("one NUL", "\x00"),
    _unreadable("byte order mark alone", "\ufeff"),
    _unreadable("null", "null"),
    _unreadable("true", "true"),
    _unreadable("number", "42"),
    _unreadable("NaN alone", "NaN"),
    _unreadable("string", '"text"'),
    _unreadable("object", '{"2":"o1"}'),
    _unreadable("empty array", "[]"),
    _unreadable("type alone", "[2]"),
    _unreadable("single quotes", "[2,'q1','Heartbeat',{}]"),
    _unreadable("cut in the id", '[2,"c1'),
    _unreadable("comment first", '/* */[2,"c2","Heartbeat",{}]'),
    _unreadable("nested 100,000 deep", "[" * DEEP),
    _unreadable("nested 100,000 deep and closed", "[" * DEEP + "]" * DEEP),
    _unreadable("5,000-digit type", f'[{LONG_NUMBER},"n0","Heartbeat",{{}}]'),
    _unreadable("binary frame", b'[2,"b1","Heartbeat",{}]'),
    _unreadable("binary frame, not UTF-8", b"\xff\xfe\x00\x80"),
]

BAD_ID = [
    _unreadable("id a number", '[2,17,"Heartbeat",{}]'),
    _unreadable("id null", '[2,null,"Heartbeat",{}]'),
    _unreadable("id true", '[2,true,"Heartbeat",{}]'),
    _unreadable("id a list", '[2,["l1"],"Heartbeat",{}]'),
    _unreadable("id an object", '[2,{"id":"o2"},"Heartbeat",{}]'),
    _unreadable("id empty", '[2,"","Heartbeat",{}]'),
    _unreadable("id with NUL", '[2,"a\\u0000b","Heartbeat",{}]'),
    _unreadable("id a lone surrogate", '[2,"\\ud800","Heartbeat",{}]'),
    _unreadable("id of 10,000 characters", f'[2,"{LONG_ID}","Heartbeat",{{}}]'),
    _unreadable("id of 5,000 digits", f'[2,{LONG_NUMBER},"Heartbeat",{{}}]'),
    _malformed("id of 37 characters", f'[2,"{ID_37}","Heartbeat",{{}}]', ID_37),
    _accepted("id of 36 characters", f'[2,"{ID_37[:36]}","Heartbeat",{{}}]', ID_37[:36]),
]

BAD_TYPE = [
    _unknown_type("type a string", '["2","t1","Heartbeat",{}]', "t1"),
    _unknown_type("type a fraction", '[2.0,"t2","Heartbeat",{}]', "t2"),
    _unknown_type("type true", '[true,"t3","Heartbeat",{}]', "t3"),
    _unknown_type("type null", '[null,"t4","Heartbeat",{}]', "t4"),
    _unknown_type("type a list", '[[2],"t5","Heartbeat",{}]', "t5"),
    _unknown_type("type 0", '[0,"t6"]', "t6"),
    _unknown_type("type 99", '[99,"t7","Heartbeat",{}]', "t7"),
    _unknown_type("type -2", '[-2,"t8","Heartbeat",{}]', "t8"),
    _unknown_type("type 2^70", '[1180591620717411303424,"t9","Heartbeat",{}]', "t9"),
    _unknown_type("SEND of 2.1", '[6,"t10","NotifyPeriodicEventStream",{}]', "t10"),
    _unknown_type("type and id unknown", "[99,99]", "-1"),
]

BAD_ACTION = [
    _malformed("action a list", '[2,"a1",["Heartbeat"],{}]', "a1"),
    _malformed("action an object", '[2,"a2",{"Heartbeat":1},{}]', "a2"),
    _malformed("action a number", '[2,"a3",7,{}]', "a3"),
    _malformed("action null", '[2,"a4",null,{}]', "a4"),
    _malformed("action empty", '[2,"a5","",{}]', "a5"),
    _malformed("action of 10,000 characters", f'[2,"a6","{LONG_ID}",{{}}]', "a6"),
    _refused("action unknown", '[2,"a7","Explode",{}]', "a7", "NotImplemented"),
    _refused("action in lower case", '[2,"a8","heartbeat",{}]', "a8", "NotImplemented"),
    _refused("action with NUL", '[2,"a9","Heartbeat\\u0000",{}]', "a9", "NotImplemented"),
    _refused("action a path", '[2,"a10","../../Heartbeat",{}]', "a10", "NotImplemented"),
    _refused("action a method", '[2,"a11","__class__",{}]', "a11", "NotImplemented"),
    _refused("action of ours", '[2,"a12","Reset",{"type":"Soft"}]', "a12", "NotSupported"),
    _refused(
        "action of 1.6", '[2,"a13","StartTransaction",{}]', "a13", "ProtocolError", "NotImplemented"
    ),
    _refused(
        "action of 2.0.1",
        '[2,"a14","TransactionEvent",{}]',
        "a14",
        "NotImplemented",
        "ProtocolError",
    ),
]

BAD_SHAPE = [
    _malformed("action missing", '[2,"s1"]', "s1"),
    _malformed("payload missing", '[2,"s2","Heartbeat"]', "s2"),
    _malformed("five elements", '[2,"s3","Heartbeat",{},{}]', "s3"),
    _malformed("payload a list", '[2,"s4","Heartbeat",[]]', "s4"),
    _malformed("payload a string", '[2,"s5","Heartbeat","{}"]', "s5"),
    _malformed("payload a number", '[2,"s6","Heartbeat",0]', "s6"),
    _malformed("payload false", '[2,"s7","Heartbeat",false]', "s7"),
    _refused(
        "payload null", '[2,"s8","Heartbeat",null]', "s8", ACCEPTED, code_201="FormatViolation"
    ),
    _malformed("cut in the payload", '[2,"s9","Heartbeat",{"a":', "s9"),
    _malformed("cut after the id", '[2,"s10"', "s10"),
    _malformed("something after the end", '[2,"s11","Heartbeat",{}]x', "s11"),
    _malformed("two frames in one", '[2,"s12","Heartbeat",{}][2,"s13","Heartbeat",{}]', "s12"),
    _malformed("trailing comma", '[2,"s14","Heartbeat",{},]', "s14"),
    _malformed("raw control character", '[2,"s15","Heartbeat",{"a":"\x01"}]', "s15"),
    _malformed("bad escape", '[2,"s16","Heartbeat",{"a":"\\x"}]', "s16"),
    _malformed(
        "payload lists 100,000 deep",
        f'[2,"s17","DataTransfer",{{"vendorId":"v","data":{"[" * DEEP}',
        "s17",
    ),
    _malformed(
        "payload objects 20,000 deep",
        f'[2,"s18","DataTransfer",{OBJECTS}1{"}" * 20_000}]',
        "s18",
    ),
    _malformed(
        "payload 60 deep",
        f'[2,"s19","DataTransfer",{{"vendorId":"v","data":{"[" * 60}{"]" * 60}}}]',
        "s19",
    ),
    _accepted("blanks between all", ' [ 2 , "s20" , "Heartbeat" , { } ] ', "s20"),
    _accepted("byte order mark first", '\ufeff[2,"s21","Heartbeat",{}]', "s21"),
]

BAD_VALUES = [
    _refused(
        "5,000-digit integer",
        f'[2,"v1","DataTransfer",{{"vendorId":"v","data":{LONG_NUMBER}}}]',
        "v1",
        "PropertyConstraintViolation",
    ),
    _refused(
        "5,000-digit fraction",
        f'[2,"v2","DataTransfer",{{"vendorId":"v","data":0.{LONG_NUMBER}}}]',
        "v2",
        "PropertyConstraintViolation",
    ),
    _refused(
        "2^70",
        '[2,"v3","DataTransfer",{"vendorId":"v","data":1180591620717411303424}]',
        "v3",
        "TypeConstraintViolation",
        ACCEPTED,
    ),
    _refused(
        "NaN",
        '[2,"v4","DataTransfer",{"vendorId":"v","data":NaN}]',
        "v4",
        "TypeConstraintViolation",
        ACCEPTED,
    ),
    _refused(
        "-Infinity",
        '[2,"v5","DataTransfer",{"vendorId":"v","data":-Infinity}]',
        "v5",
        "TypeConstraintViolation",
        ACCEPTED,
    ),
    _refused(
        "1e400",
        '[2,"v6","DataTransfer",{"vendorId":"v","data":1e400}]',
        "v6",
        "TypeConstraintViolation",
        ACCEPTED,
    ),
    _accepted("NUL in a value", '[2,"v7","DataTransfer",{"vendorId":"a\\u0000b"}]', "v7"),
    _accepted("lone surrogate", '[2,"v8","DataTransfer",{"vendorId":"a\\udc00b"}]', "v8"),
    _accepted(
        "duplicate key, good last", '[2,"v9","DataTransfer",{"vendorId":1,"vendorId":"v"}]', "v9"
    ),
    _refused(
        "duplicate key, bad last",
        '[2,"v10","DataTransfer",{"vendorId":"v","vendorId":1}]',
        "v10",
        "TypeConstraintViolation",
    ),
    _malformed("unknown member", '[2,"v11","Heartbeat",{"beat":1}]', "v11"),
    _malformed("member __proto__", '[2,"v12","Heartbeat",{"__proto__":{"a":1}}]', "v12"),
    _malformed("member a surrogate", '[2,"v13","Heartbeat",{"\\ud800":1}]', "v13"),
    _refused("member missing", '[2,"v14","BootNotification",{}]', "v14", "ProtocolError"),
    _refused(
        "member of the wrong type",
        '[2,"v15","DataTransfer",{"vendorId":["v"]}]',
        "v15",
        "TypeConstraintViolation",
    ),
    _refused(
        "member too long",
        f'[2,"v16","DataTransfer",{{"vendorId":"{"v" * 256}"}}]',
        "v16",
        "PropertyConstraintViolation",
    ),
    _refused(
        "1.6 list too short",
        '[2,"v17","MeterValues",{"connectorId":1,"meterValue":[]}]',
        "v17",
        "OccurenceConstraintViolation",
        "ProtocolError",
    ),
    _refused(
        "2.0.1 list too short",
        '[2,"v18","MeterValues",{"evseId":1,"meterValue":[]}]',
        "v18",
        "ProtocolError",
        "OccurenceConstraintViolation",
    ),
]

ANSWERS_TO_NOTHING = [
    _silent("unsolicited result", '[3,"u1",{}]'),
    _silent("unsolicited result, null", '[3,"u2",null]'),
    _silent("unsolicited result, no payload", '[3,"u3"]'),
    _silent("unsolicited result, payload a list", '[3,"u4",[]]'),
    _silent("unsolicited result, id a number", "[3,17,{}]"),
    _silent("unsolicited result, id of 10,000 characters", f'[3,"{LONG_ID}",{{}}]'),
    _silent("unsolicited result, not JSON", '[3,"u5",{'),
    _silent("unsolicited result, cut in the id", '[3,"u6'),
    _silent("unsolicited result, 100,000 deep", f'[3,"u7",{"[" * DEEP}'),
    _silent("unsolicited result, 5,000 digits", f'[3,"u8",{{"a":{LONG_NUMBER}}}]'),
    _silent("unsolicited error", '[4,"u9","GenericError","",{}]'),
    _silent("unsolicited error, id -1", '[4,"-1","RpcFrameworkError","",{}]'),
    _silent("unsolicited error, alone", "[4]"),
    _silent("unsolicited error, no code", '[4,"u10"]'),
    _silent("unsolicited error, code a list", '[4,"u11",["GenericError"],"",{}]'),
    _silent("unsolicited error, description a number", '[4,"u12","GenericError",5,[]]'),
]

HOSTILE_FRAMES: list[HostileFrame] = [
    *NOT_A_FRAME,
    *BAD_ID,
    *BAD_TYPE,
    *BAD_ACTION,
    *BAD_SHAPE,
    *BAD_VALUES,
    *ANSWERS_TO_NOTHING,
]
